"""The operations beside chat, as each vendor serves them: refused strictly, answered from cases or made."""
