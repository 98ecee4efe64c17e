"""A stand-in for Pulumi's Python SDK, which the tests cannot install: enough of it to run a program and see what it exports.

It knows nothing of the types of resources: what a resource was given it has, and every other property is its name.
"""

import os

urns = []
exports = {}
_config = {}


class Output:
    def __init__(self, value):
        self.value = value

    def apply(self, function):
        return Output(plain(function(self.value)))

    @staticmethod
    def all(*values):
        return Output([plain(value) for value in values])


def plain(value):
    """A value with what stands in its outputs."""
    if isinstance(value, Output):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


class Config:
    def require_int(self, key):
        return int(_config[os.environ["PROJECT"] + ":" + key])


class ResourceOptions:
    def __init__(self, ignore_changes=None):
        self.ignore_changes = ignore_changes


class Resource:
    def __init__(self, type, name, opts=None, **properties):
        self._name, self._properties = name, properties
        self.urn = Output(f"urn:pulumi:dev::{os.environ['PROJECT']}::{type}::{name}")
        self.id = Output(name + "-id")
        urns.append(self.urn.value)

    def __getattr__(self, property):
        return Output(self._properties.get(property, self._name))


def export(name, value):
    exports[name] = plain(value)
