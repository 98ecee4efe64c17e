import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const workerCount = config.requireNumber("workerCount");
const region = "fra1";

const tag = new digitalocean.Tag("worker");

// worker-0, worker-1 and so on: a scale-in removes those with the highest numbers.
const workers: digitalocean.Droplet[] = [];
for (let i = 0; i < workerCount; i++) {
    workers.push(
        new digitalocean.Droplet(`worker-${i}`, {
            image: "ubuntu-24-04-x64",
            region,
            size: "s-1vcpu-1gb",
            tags: [tag.name],
        }),
    );
}

// It finds the droplets by their tag. With `dropletIds` it would depend on each of them, and the rule would need `targetDependents`.
const balancer = new digitalocean.LoadBalancer("balancer", {
    region,
    dropletTag: tag.name,
    forwardingRules: [{ entryPort: 80, entryProtocol: "http", targetPort: 8080, targetProtocol: "http" }],
});

export const address = balancer.ip;

export const pulumiscale = {
    "worker-pool": {
        targets: ["**::digitalocean:index/droplet:Droplet::worker-*"],
        configKey: "workerCount",
        min: 1,
        max: 10,
        // Those that exist: an update that leaves a new droplet out gives it no id.
        current: pulumi.all(workers.map((worker) => worker.id)).apply((ids) => ids.filter(Boolean).length),
        cooldown: { up: "1m", down: "10m" },
        strategy: { type: "percent", up: 50, down: 25 },
    },
};
