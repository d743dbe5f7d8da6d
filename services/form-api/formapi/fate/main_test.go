package fate_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leftovers()...) }
