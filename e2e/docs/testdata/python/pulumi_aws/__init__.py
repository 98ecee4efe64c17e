"""A stand-in for the AWS SDK: `aws.ec2.Instance` is a resource of the type aws:ec2/instance:Instance, `aws.ssm.get_...` a lookup."""

import pulumi


class _Found:
    def __getattr__(self, property):
        return pulumi.Output("found")


class _Module:
    def __init__(self, name):
        self._module = name

    def __getattr__(self, name):
        if name.startswith("get_"):
            return lambda **_: _Found()
        kind = f"aws:{self._module}/{name[0].lower()}{name[1:]}:{name}"
        return lambda *args, **properties: pulumi.Resource(kind, *args, **properties)


def __getattr__(name):
    return _Module(name)
