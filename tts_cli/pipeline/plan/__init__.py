"""Manifest -> Plan, Jobs: what each line becomes, what is missing, and who must make it."""
