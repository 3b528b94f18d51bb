"""Runs one Databricks notebook for the local workspace: one process (and its guardian) per run."""
