import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

// The count is configuration, so that a scaling is a change of it: `pulumi config set workerCount 3`.
const config = new pulumi.Config();
const workerCount = config.requireNumber("workerCount");
const min = 2;
const max = 20;

const vpc = aws.ec2.getVpcOutput({ default: true });
const subnets = aws.ec2.getSubnetsOutput({ filters: [{ name: "vpc-id", values: [vpc.id] }] });
const image = aws.ssm.getParameterOutput({
    name: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
});

const template = new aws.ec2.LaunchTemplate("workers", {
    imageId: image.insecureValue,
    instanceType: "t3.small",
});

const workers = new aws.autoscaling.Group("workers", {
    desiredCapacity: workerCount,
    // The group's own bounds are those of the rule; it has no scaling policy of its own.
    minSize: min,
    maxSize: max,
    vpcZoneIdentifiers: subnets.ids,
    launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
    // An update has succeeded when so many instances are in service, and fails if they are not by then.
    waitForCapacityTimeout: "10m",
});

export const pulumiscale = {
    "worker-pool": {
        urn: workers.urn,
        configKey: "workerCount",
        min,
        max,
        current: workers.desiredCapacity,
        cooldown: { up: "2m", down: "10m" },
        strategy: { type: "step", up: 2, down: 1 },
        guard: ["replace"],
    },
};
