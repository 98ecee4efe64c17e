"""Runs a Pulumi program on the stand-ins beside this file, and prints its stack outputs and the URNs of its resources as JSON.

python3 run.py PROGRAM PROJECT CONFIG
"""

import json
import os
import runpy
import sys

program, os.environ["PROJECT"], config = sys.argv[1:]

import pulumi
import pulumi_aws

pulumi._config.update(json.loads(config))
runpy.run_path(program, {"pulumi": pulumi, "aws": pulumi_aws})
print(json.dumps({"outputs": pulumi.exports, "urns": pulumi.urns}))
