/** How long a goodbye is waited for: where nobody answers, what a node left behind is removed in time. */
export const GOODBYE_MS = 2000;
