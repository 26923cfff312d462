/** Pages of a list; the token is the offset, so a page may shift when items come and go in between. */

export const MAX_PAGE_SIZE = 1_000;

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** A malformed token reads as the first page. */
export function listPage<Item>(
  all: readonly Item[],
  request: { readonly pageSize: number; readonly pageToken: string },
): Page<Item> {
  const start = /^\d{1,9}$/.test(request.pageToken) ? Number(request.pageToken) : 0;
  const asked = request.pageSize > 0 ? request.pageSize : MAX_PAGE_SIZE;
  const end = start + Math.min(asked, MAX_PAGE_SIZE);
  return { items: all.slice(start, end), nextPageToken: end < all.length ? String(end) : "" };
}
