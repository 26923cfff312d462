/** Every file with generated text, and what belongs into it. A new one is one line here. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { FUNCTION_VARIABLES } from "@bifrost/functions/config";
import { COLLECTOR_VARIABLES } from "@bifrost/gateway/collector-config";
import { GATEWAY_VARIABLES } from "@bifrost/gateway/config";
import { USAGE } from "@bifrost/local/config";
import { EXIT } from "../../cli/src/exit-code.ts";
import { clusterConfigReference } from "./cluster-config.ts";
import { usageBlock, variablesTable } from "./configuration.ts";
import { deployTomlJsonSchema, deployTomlReference } from "./deploy-toml.ts";
import { lifecycleSection } from "./diagram.ts";
import { errorTable, exitCodeTable, failureTable } from "./errors.ts";
import { fillFence } from "./fence.ts";
import { rulesBlock } from "./rules.ts";
import { telemetryProtoModule } from "./telemetry-proto.ts";
import { generateWorkflowRetries } from "./workflow-retries.ts";

export interface Target {
  /** Path below the root of the repository. */
  readonly file: string;
  /** The file as it should be, given how it is. */
  readonly render: (current: string) => string;
}

/** Sources by the name their fence gives, and the text they stand for. */
type Fences = Readonly<Record<string, () => string>>;

const LIFECYCLE = "shared/src/domain/lifecycle.ts";

export function targetsOf(root: string): readonly Target[] {
  return [
    fenced("firestore.rules", { [LIFECYCLE]: rulesBlock }),
    fenced("ARCHITECTURE.md", { [LIFECYCLE]: lifecycleSection }),
    fenced("docs/deploy-toml.md", { "shared/src/app-config/fields.ts": deployTomlReference }),
    { file: "docs/deploy.schema.json", render: deployTomlJsonSchema },
    fenced("docs/cluster-config.md", {
      "gateway/src/cluster-config/fields.ts": clusterConfigReference,
    }),
    fenced("docs/configuration.md", {
      "local/src/config.ts": () => usageBlock(USAGE),
      "functions/src/config.ts": () => variablesTable(FUNCTION_VARIABLES),
      "gateway/src/config.ts": () => variablesTable(GATEWAY_VARIABLES),
      "gateway/src/collector-config.ts": () => variablesTable(COLLECTOR_VARIABLES),
    }),
    fenced("docs/errors.md", {
      "shared/src/domain/errors.ts": errorTable,
      "shared/src/domain/failure.ts": failureTable,
      "cli/src/exit-code.ts": () => exitCodeTable(EXIT),
    }),
    {
      file: "gateway/src/telemetry/grpc/telemetry-proto.ts",
      render: () => telemetryProtoModule(root),
    },
    ...workflowFiles(root).map((file) => ({
      file,
      render: (current: string) => generateWorkflowRetries(current),
    })),
  ];
}

function fenced(file: string, fences: Fences): Target {
  return {
    file,
    render: (current) =>
      Object.entries(fences).reduce(
        (text, [source, block]) => fillFence(text, source, block()),
        current,
      ),
  };
}

function workflowFiles(root: string): string[] {
  return readdirSync(path.join(root, "workflows"))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `workflows/${name}`);
}
