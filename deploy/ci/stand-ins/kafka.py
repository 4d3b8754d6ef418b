"""Start Kafka as its published image does: KAFKA_NODE_ID becomes node.id, the folder of the log is formatted once."""

import os
import subprocess
import sys
from pathlib import Path

LIBRARIES = "/opt/kafka/libs/*"
PROPERTIES = Path("/tmp/server.properties")
NO_SETTING = ("KAFKA_HEAP_OPTS", "KAFKA_OPTS")

lines = [
    f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={value}"
    for name, value in os.environ.items()
    if name.startswith("KAFKA_") and name not in NO_SETTING
]
PROPERTIES.write_text("\n".join(lines) + "\n", "utf-8")
formatting = ("format", "--ignore-formatted", "--cluster-id", os.environ["CLUSTER_ID"], "--config", str(PROPERTIES))
done = subprocess.run(("java", "-cp", LIBRARIES, "kafka.tools.StorageTool", *formatting), check=False)
if done.returncode:
    sys.exit(done.returncode)
os.execvp("java", ("java", "-Xmx512m", "-cp", LIBRARIES, "kafka.Kafka", str(PROPERTIES)))
