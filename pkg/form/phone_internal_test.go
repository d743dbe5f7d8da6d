package form

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
)

// TestPlainPhone_agreesWithTheLibrary holds the short way against the long one: example numbers of every region and
// kind, in every writing and with digits changed, and random digits.
func TestPlainPhone_agreesWithTheLibrary(t *testing.T) {
	const seed = 1
	rng := rand.New(rand.NewPCG(seed, seed))
	recognised := 0
	for _, region := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) {
		for _, written := range phoneSpellings(rng, region) {
			got, ok := plainPhone(written, region)
			if !ok {
				continue
			}
			recognised++
			number, err := phonenumbers.Parse(written, region)
			require.NoError(t, err, "%q in %s", written, region)
			require.True(t, phonenumbers.IsValidNumber(number), "%q in %s", written, region)
			require.Equal(t, phonenumbers.Format(number, phonenumbers.E164), got, "%q in %s", written, region)
		}
	}
	require.Greater(t, recognised, 5_000)
}

func phoneSpellings(rng *rand.Rand, region string) []string {
	var written []string
	formats := []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL}
	for typ := phonenumbers.FIXED_LINE; typ <= phonenumbers.VOICEMAIL; typ++ {
		example := phonenumbers.GetExampleNumberForType(region, typ)
		if example == nil {
			continue
		}
		for _, format := range formats {
			text := phonenumbers.Format(example, format)
			written = append(written, text)
			for range 2 {
				written = append(written, changeDigits(rng, text))
			}
		}
	}
	for range 10 {
		digits := changeDigits(rng, "123456789012"[:5+rng.IntN(8)])
		written = append(written, digits, "+"+digits)
	}
	return written
}

func changeDigits(rng *rand.Rand, text string) string {
	changed := []byte(text)
	for range 1 + rng.IntN(12) {
		i := rng.IntN(len(changed))
		if changed[i] >= '0' && changed[i] <= '9' {
			changed[i] = byte('0' + rng.IntN(10))
		}
	}
	return string(changed)
}
