"""Machines and backends over HTTP."""
