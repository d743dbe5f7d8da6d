package chassis

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/formstream/formstream/pkg/form"
)

// LoadForms reads the folder of form definitions. What is wrong in them comes as problems of the flag -forms, so that Run
// prints all of it as it prints a wrong setting.
func (c *Config) LoadForms(lookup Lookup) (*form.Set, error) {
	if _, err := os.Stat(c.Forms); errors.Is(err, os.ErrNotExist) {
		where, err := filepath.Abs(c.Forms)
		if err != nil {
			where = c.Forms
		}
		return nil, Wrong("forms", c.Forms, fmt.Sprintf("there is no folder %s: name a folder of form definitions, such as forms in the root of the repository", where))
	}
	forms, err := form.LoadDir(c.Forms, lookup)
	if err != nil {
		return nil, atFlag("forms", c.Forms, err)
	}
	return forms, nil
}

// atFlag makes each error in err's tree a problem of the flag.
func atFlag(flag, value string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, atFlag(flag, value, e))
		}
		return errors.Join(errs...)
	}
	return Wrong(flag, value, err.Error())
}
