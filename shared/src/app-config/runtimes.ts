/** The runtimes deploy.toml can name and what each one does when a command is left out. */

interface RuntimeDefaults {
  /** One line for the reference. */
  readonly about: string;
  /** Shell command that builds the project; null: nothing to run, or the Dockerfile does it. */
  readonly build: string | null;
  /** Command that starts the app; null: the image's own; "required": deploy.toml must say it. */
  readonly run: string | null;
}

/** Stands for "deploy.toml must name the command": the program's name is the project's choice. */
export const RUN_REQUIRED = "required";

export const RUNTIMES = {
  node: { about: "Node.js; a package.json with a start script", build: null, run: "npm start" },
  python: { about: "Python 3", build: null, run: "python3 main.py" },
  go: { about: "Go modules", build: "go build -o app .", run: "./app" },
  rust: { about: "Cargo", build: "cargo build --release", run: RUN_REQUIRED },
  elixir: { about: "Mix releases", build: "mix release", run: RUN_REQUIRED },
  zig: { about: "zig build", build: "zig build -Doptimize=ReleaseSafe", run: RUN_REQUIRED },
  ocaml: { about: "Dune", build: "dune build --profile release", run: RUN_REQUIRED },
  static: { about: "Files served as they are", build: null, run: null },
  docker: { about: "The repository's own Dockerfile", build: null, run: null },
} as const satisfies Record<string, RuntimeDefaults>;

export type Runtime = keyof typeof RUNTIMES;

/** Runtimes whose program the platform starts with a command. */
export type ProcessRuntime = Exclude<Runtime, "static" | "docker">;

export const RUNTIME_NAMES = Object.keys(RUNTIMES) as readonly Runtime[];
