"""schema.py SCHEMA FILE: exits with 1 if FILE does not follow SCHEMA. Knows the parts of JSON
Schema in docs/bench-schema.json, and fails on all others."""
import json
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"type", "required", "additionalProperties", "properties", "items", "enum", "const",
         "minimum", "maximum", "exclusiveMinimum", "minItems", "pattern", "oneOf", "$ref",
         "description", "title", "$schema", "$id", "definitions"}


def is_type(value, name):
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        return is_type(value, "number") and value == int(value)
    return isinstance(value, TYPES[name])


def errors(value, schema, root, path):
    unknown = set(schema) - KNOWN
    if unknown:
        yield f"{path}: the schema has {unknown}, which this script does not check"
    if "$ref" in schema:
        yield from errors(value, root["definitions"][schema["$ref"].split("/")[-1]], root, path)
    if "oneOf" in schema:
        fits = [s for s in schema["oneOf"] if not list(errors(value, s, root, path))]
        if len(fits) != 1:
            yield f"{path}: {len(fits)} alternatives of oneOf fit"
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_type(value, n) for n in names):
        yield f"{path}: expected {names}, found {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: expected one of {schema['enum']}, found {value!r}"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: expected {schema['const']!r}, found {value!r}"
    if is_type(value, "number"):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{path}: {value} is out of range"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield f"{path}: {value} is out of range"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: too short"
        for i, item in enumerate(value):
            yield from errors(item, schema.get("items", {}), root, f"{path}[{i}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key in schema.get("required", []):
            if key not in value:
                yield f"{path}: {key} is missing"
        for key, item in value.items():
            if key in properties:
                yield from errors(item, properties[key], root, f"{path}.{key}")
            elif schema.get("additionalProperties") is False:
                yield f"{path}: unknown key {key}"


with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)
with open(sys.argv[2], encoding="utf-8") as f:
    found = list(errors(json.load(f), schema, schema, "$"))
print("\n".join(found[:20]))
sys.exit(1 if found else 0)
