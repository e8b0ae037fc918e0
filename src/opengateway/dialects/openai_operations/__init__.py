"""The operations beside chat as callers speak them: OpenAI's shapes, and Cohere's for rerank.

shapes          the members that are read, with their types and ranges
decode          what all have in common: the body, our own members, complaints
embeddings ...  one module an operation: facts, and what it can use at most
multipart       files within a body, parsed within bounds
dialect         each as the pipeline takes it
"""

from opengateway.dialects.openai_operations.dialect import DIALECTS, OperationDialect

__all__ = ["DIALECTS", "OperationDialect"]
