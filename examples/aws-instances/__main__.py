"""EC2 instances made in a loop, whose number PulumiScale scales."""

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
worker_count = config.require_int("workerCount")

image = aws.ssm.get_parameter_output(
    name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
)

# worker-0, worker-1 and so on: a scale-in removes those with the highest numbers.
workers = [
    aws.ec2.Instance(
        f"worker-{i}",
        ami=image.insecure_value,
        instance_type="t3.small",
        tags={"Name": f"worker-{i}"},
        # A newer image is for new instances only.
        opts=pulumi.ResourceOptions(ignore_changes=["ami"]),
    )
    for i in range(worker_count)
]

pulumi.export(
    "pulumiscale",
    {
        "worker-pool": {
            "targets": ["**::aws:ec2/instance:Instance::worker-*"],
            "configKey": "workerCount",
            "min": 1,
            "max": 10,
            # Those that exist: an update that leaves a new instance out gives it no id.
            "current": pulumi.Output.all(*[worker.id for worker in workers]).apply(
                lambda ids: len([id for id in ids if id])
            ),
            "cooldown": {"up": "1m", "down": "10m"},
            "onCooldown": "defer",
        },
    },
)
