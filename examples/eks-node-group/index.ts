import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

// The cluster exists already; only its nodes are this program's.
const config = new pulumi.Config();
const clusterName = config.require("clusterName");
const subnetIds = config.requireObject<string[]>("subnetIds");
const nodeRoleArn = config.require("nodeRoleArn");

// The count stands in a structured value, beside what else there is to say of the nodes:
// `pulumi config set --path nodes.count 3` and `pulumi config set --path nodes.type m7i.large`.
const nodes = config.requireObject<{ count: number; type: string }>("nodes");
const min = 1;
const max = 12;

const group = new aws.eks.NodeGroup("nodes", {
    clusterName,
    nodeRoleArn,
    subnetIds,
    instanceTypes: [nodes.type],
    scalingConfig: { desiredSize: nodes.count, minSize: min, maxSize: max },
    updateConfig: { maxUnavailable: 1 },
});

export const pulumiscale = {
    nodes: {
        urn: group.urn,
        configKey: "nodes.count",
        configPath: true,
        min,
        max,
        current: group.scalingConfig.desiredSize,
        cooldown: { up: "3m", down: "15m" },
        // Nodes are drained before they go: never replace them all because of an alarm.
        guard: ["replace", "untargeted"],
    },
};
