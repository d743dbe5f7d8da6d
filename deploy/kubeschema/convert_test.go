package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const small = `{"definitions": {
  "io.apps.v1.Pet": {
    "type": "object",
    "properties": {
      "spec": {"$ref": "#/definitions/io.apps.v1.PetSpec"},
      "labels": {"type": "object", "additionalProperties": {"type": "string"}}
    },
    "x-kubernetes-group-version-kind": [{"group": "apps.example.io", "kind": "Pet", "version": "v1"}]
  },
  "io.apps.v1.PetSpec": {
    "type": "object",
    "properties": {
      "port": {"$ref": "#/definitions/io.util.IntOrString"},
      "food": {"$ref": "#/definitions/io.resource.Quantity"},
      "pups": {"type": "array", "items": {"$ref": "#/definitions/io.apps.v1.PetSpec"}}
    }
  },
  "io.util.IntOrString": {"type": "string", "format": "int-or-string"},
  "io.resource.Quantity": {"type": "string"},
  "io.core.v1.Other": {"type": "object", "properties": {}, "x-kubernetes-group-version-kind": [{"group": "", "kind": "Other", "version": "v1"}]},
  "io.meta.v1.DeleteOptions": {"type": "object", "x-kubernetes-group-version-kind": [
    {"group": "", "kind": "DeleteOptions", "version": "v1"}, {"group": "apps", "kind": "DeleteOptions", "version": "v1"}
  ]}
}}`

func TestConvert_kinds_haveTheNamesThatKubeconformAsksFor(t *testing.T) {
	schemas, err := convert([]byte(small))
	require.NoError(t, err)
	require.Len(t, schemas, 2)
	require.Contains(t, schemas, "pet-apps-v1.json")
	require.Contains(t, schemas, "other-v1.json")
}

func TestConvert_schema_isStrictAndSelfContained(t *testing.T) {
	schemas, err := convert([]byte(small))
	require.NoError(t, err)
	require.JSONEq(t, `{
	  "$ref": "#/definitions/io.apps.v1.Pet",
	  "definitions": {
	    "io.apps.v1.Pet": {
	      "type": "object", "additionalProperties": false,
	      "properties": {
	        "spec": {"$ref": "#/definitions/io.apps.v1.PetSpec"},
	        "labels": {"type": "object", "additionalProperties": {"type": "string"}}
	      },
	      "x-kubernetes-group-version-kind": [{"group": "apps.example.io", "kind": "Pet", "version": "v1"}]
	    },
	    "io.apps.v1.PetSpec": {
	      "type": "object", "additionalProperties": false,
	      "properties": {
	        "port": {"$ref": "#/definitions/io.util.IntOrString"},
	        "food": {"$ref": "#/definitions/io.resource.Quantity"},
	        "pups": {"type": "array", "items": {"$ref": "#/definitions/io.apps.v1.PetSpec"}}
	      }
	    },
	    "io.util.IntOrString": {"type": ["string", "integer"]},
	    "io.resource.Quantity": {"type": ["string", "number"]}
	  }
	}`, string(schemas["pet-apps-v1.json"]))
}

func TestConvert_wrongDescriptions_areErrors(t *testing.T) {
	for _, row := range []struct{ name, swagger, want string }{
		{"not JSON", `<html>`, "read the API description"},
		{"no definitions", `{}`, "it has no definitions"},
		{"a reference to nothing", `{"definitions": {"a": {"x": {"$ref": "#/definitions/b"}, "x-kubernetes-group-version-kind": [{"group": "", "kind": "A", "version": "v1"}]}}}`, "nothing defines #/definitions/b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := convert([]byte(row.swagger))
			require.ErrorContains(t, err, row.want)
		})
	}
}
