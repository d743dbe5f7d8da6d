package sheetsflusher

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
)

// checkCredentials refuses a file that is no service account's key before anything is connected: the client would say so without
// naming the file, and of some of them only when it is first used. Nothing of the file but its type is shown.
func checkCredentials(path string) error {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return chassis.Wrong("credentials", path, "cannot be read: give the service account's key file")
	}
	var key struct {
		Type       string `json:"type"`
		Email      string `json:"client_email"`
		PrivateKey string `json:"private_key"`
	}
	if json.Unmarshal(b, &key) != nil {
		return chassis.Wrong("credentials", path, "is not JSON: give the key file as Google Cloud made it when the service account's key was created, of type JSON")
	}
	if key.Type != "service_account" {
		return chassis.Wrong("credentials", path, fmt.Sprintf("is not a service account's key (its type is %q): create one for the service account; "+
			"credentials of another kind are given by GOOGLE_APPLICATION_CREDENTIALS in the environment, without -credentials", key.Type))
	}
	if block, _ := pem.Decode([]byte(key.PrivateKey)); block == nil || key.Email == "" {
		return chassis.Wrong("credentials", path, "has no client_email or no private_key that can be read: create a new key and give its file unchanged")
	}
	return nil
}
