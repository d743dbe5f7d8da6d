package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// node is a part of a JSON schema.
type node = map[string]any

const refPrefix = "#/definitions/"

// convert makes one self-contained schema for each kind, by the file name that kubeconform asks for: deployment-apps-v1.json.
// A key that the API does not know is refused.
func convert(swagger []byte) (map[string][]byte, error) {
	var api struct{ Definitions map[string]node }
	if err := json.Unmarshal(swagger, &api); err != nil {
		return nil, fmt.Errorf("read the API description: %w", err)
	}
	if len(api.Definitions) == 0 {
		return nil, fmt.Errorf("read the API description: it has no definitions")
	}
	for name, definition := range api.Definitions {
		api.Definitions[name] = loosen(name, definition)
		tighten(api.Definitions[name])
	}
	schemas := map[string][]byte{}
	for name, definition := range api.Definitions {
		file, ok := fileName(definition)
		if !ok {
			continue
		}
		needed := map[string]node{}
		if err := collect(node{"$ref": refPrefix + name}, api.Definitions, needed); err != nil {
			return nil, err
		}
		schema, err := json.Marshal(node{"$ref": refPrefix + name, "definitions": needed})
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", file, err)
		}
		schemas[file] = schema
	}
	return schemas, nil
}

// fileName is that of a definition which is a kind; types that belong to every group, such as DeleteOptions, are none.
func fileName(definition node) (string, bool) {
	kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
	if len(kinds) != 1 {
		return "", false
	}
	kind, _ := kinds[0].(node)
	group, _, _ := strings.Cut(fmt.Sprint(kind["group"]), ".")
	if group != "" {
		group += "-"
	}
	return strings.ToLower(fmt.Sprint(kind["kind"])) + "-" + group + fmt.Sprint(kind["version"]) + ".json", true
}

// loosen describes the two types that the API takes as text or number, which Swagger 2 cannot say.
func loosen(name string, definition node) node {
	switch {
	case strings.HasSuffix(name, ".IntOrString"):
		return node{"type": []any{"string", "integer"}}
	case strings.HasSuffix(name, ".Quantity"):
		return node{"type": []any{"string", "number"}}
	}
	return definition
}

// tighten refuses keys that are not described, wherever some are.
func tighten(value any) {
	switch value := value.(type) {
	case node:
		_, described := value["properties"].(node)
		if _, open := value["additionalProperties"]; described && !open {
			value["additionalProperties"] = false
		}
		for _, part := range value {
			tighten(part)
		}
	case []any:
		for _, part := range value {
			tighten(part)
		}
	}
}

// collect adds to needed every definition that value refers to, and what those refer to.
func collect(value any, all, needed map[string]node) error {
	switch value := value.(type) {
	case node:
		if ref, ok := value["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, refPrefix)
			definition, known := all[name]
			if !known {
				return fmt.Errorf("read the API description: nothing defines %s", ref)
			}
			if _, seen := needed[name]; seen {
				return nil
			}
			needed[name] = definition
			return collect(definition, all, needed)
		}
		for _, part := range value {
			if err := collect(part, all, needed); err != nil {
				return err
			}
		}
	case []any:
		for _, part := range value {
			if err := collect(part, all, needed); err != nil {
				return err
			}
		}
	}
	return nil
}
