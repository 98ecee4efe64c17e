import * as pulumi from "@pulumi/pulumi";

// The example provider has no SDK in TypeScript: this is what one would have.
class Worker extends pulumi.CustomResource {
    constructor(pool: string, name: string, opts?: pulumi.CustomResourceOptions) {
        super("localcloud:index:Worker", name, { pool, name }, { version: "0.1.0", ...opts });
    }
}

const config = new pulumi.Config();

// One resource for each worker.
const loop = (pool: string, count: number) => Array.from({ length: count }, (_, i) => new Worker(pool, `${pool}-${i}`));
const workers = loop("worker", config.requireNumber("count"));
const caches = loop("cache", config.requireNumber("cacheCount"));

// A worker that the update does not make has no id yet.
const size = (pool: Worker[]) => pulumi.all(pool.map((worker) => worker.id)).apply((ids) => ids.filter((id) => id).length);

const targets = (name: string) => [`urn:pulumi:${pulumi.getStack()}::${pulumi.getProject()}::localcloud:index:Worker::${name}-*`];

export const pulumiscale = {
    workers: { targets: targets("worker"), configKey: "count", min: 0, max: 20, current: size(workers), cooldown: 0 },
    cache: { targets: targets("cache"), configKey: "cacheCount", min: 0, max: 10, current: size(caches), cooldown: 0 },
};
