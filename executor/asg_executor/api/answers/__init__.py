"""What the service answers in JSON, as types: they describe the answers in OpenAPI, and nothing is checked by them.

A route names the types of its answers (see `asg_executor.api.answer_documentation`). Answers are written as they always
were; the tests compare every answer that they get with these types.
"""
