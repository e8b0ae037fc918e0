"""The operations beside chat on the wire that OpenAI's API made common.

members        the caller's members to the vendor's: paths, names, what is left out
metering       counts to disjoint dimensions
whole          what answers at once has in common
embeddings     (vectors)    rerank    images    speech    moderations
transcription  (form, subtitles)
completions    (completion_stream)
"""

from opengateway.wires.operations.wires import ABSENT, OPENAI_OPERATIONS

__all__ = ["ABSENT", "OPENAI_OPERATIONS"]
