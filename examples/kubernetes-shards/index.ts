import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();

// One ConfigMap for each shard: a pool that is many resources.
const shards = Array.from(
    { length: config.requireNumber("shards") },
    (_, i) => new kubernetes.core.v1.ConfigMap(`shard-${i}`, { metadata: { name: `shard-${i}` }, data: { shard: `${i}` } }),
);

// The workers: a pool that is one resource with a size.
const labels = { app: "workers" };
const workers = new kubernetes.apps.v1.Deployment("workers", {
    // How long an update waits for the pods to be ready. If they are not, the scaling has failed, and the old count is put back.
    metadata: { name: "workers", annotations: { "pulumi.com/timeoutSeconds": "120" } },
    spec: {
        replicas: config.requireNumber("workers"),
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "worker", image: "registry.k8s.io/pause:3.10" }] } },
    },
});

export const pulumiscale = {
    shards: {
        targets: [`urn:pulumi:${pulumi.getStack()}::${pulumi.getProject()}::kubernetes:core/v1:ConfigMap::shard-*`],
        configKey: "shards",
        min: 1,
        max: 20,
        // A ConfigMap that the update does not make has no id yet.
        current: pulumi.all(shards.map((shard) => shard.id)).apply((ids) => ids.filter(Boolean).length),
        cooldown: "0s",
    },
    workers: {
        urn: workers.urn,
        configKey: "workers",
        min: 1,
        max: 20,
        current: workers.spec.replicas,
        cooldown: "0s",
    },
};
