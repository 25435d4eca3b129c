"""Print the JSON Schemas of all answers: `python -m asg_executor.api.answers > schemas.json`."""

import json
import sys

from asg_executor.api.answers.schemas import answer_schemas

if __name__ == "__main__":
    json.dump(answer_schemas(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
