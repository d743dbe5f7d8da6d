package guard

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

func TestAdmit_apiKeys(t *testing.T) {
	for _, row := range []struct {
		name, header, value string
		taken               bool
	}{
		{name: "none"},
		{name: "as a bearer", header: "Authorization", value: "Bearer " + oneKey, taken: true},
		{name: "as a bearer in small letters", header: "Authorization", value: "bearer  " + oneKey, taken: true},
		{name: "the second one", header: "Authorization", value: "Bearer " + otherKey, taken: true},
		{name: "in its own header", header: "X-Api-Key", value: otherKey, taken: true},
		{name: "a wrong one", header: "X-Api-Key", value: oneKey + "x"},
		{name: "both together", header: "X-Api-Key", value: oneKey + otherKey},
		{name: "empty", header: "X-Api-Key"},
		{name: "another scheme", header: "Authorization", value: "Basic " + oneKey},
		{name: "no scheme", header: "Authorization", value: oneKey},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, f, r := setup(t, nil), withKeys(t, ""), post(visitor)
			if row.header != "" {
				r.Header.Set(row.header, row.value)
			}
			refusal := g.Admit(r, f)
			if row.taken {
				require.Nil(t, refusal)
				return
			}
			require.Equal(t, &Refusal{
				Status: http.StatusUnauthorized, Code: CodeUnauthorized, Challenge: `Bearer realm="formstream"`,
				Detail: "This form takes submissions with an API key only: send it as Authorization: Bearer KEY, or as X-API-Key.",
			}, refusal)
			require.Equal(t, 1, g.outcomes(CodeUnauthorized))
		})
	}
}

func TestAdmit_formWithoutKeys_ignoresThem(t *testing.T) {
	g, r := setup(t, nil), post(visitor)
	r.Header.Set("X-Api-Key", "whatever")
	require.Nil(t, g.Admit(r, testForm(t, "")))
}

func TestAuthorized_hashOfNothing_opensNothing(t *testing.T) {
	f := testForm(t, "api-keys: [\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"]\n")
	require.False(t, authorized(post(visitor), f))
}

func TestAdmit_rightKey_isNotLimitedAsOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), withKeys(t, "limits: {client: 1/1m, form: 3/1m}\n")
		r := post(visitor)
		r.Header.Set("X-Api-Key", oneKey)
		for range 3 {
			require.Nil(t, g.Admit(r, f))
		}
		require.Equal(t, CodeFormLimit, g.Admit(r, f).Code, "the form's limit holds for servers, too")
	})
}

func TestAdmit_wrongKeys_cannotBeTriedOutAtSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := setup(t, nil), withKeys(t, "limits: {client: 2/1m, form: 3/1m}\n")
		require.Equal(t, CodeUnauthorized, g.admit(f, visitor))
		require.Equal(t, CodeUnauthorized, g.admit(f, visitor))
		require.Equal(t, CodeClientLimit, g.admit(f, visitor))

		server := post("203.0.113.9")
		server.Header.Set("X-Api-Key", oneKey)
		require.Nil(t, g.Admit(server, f), "nor do they use up the form's limit")
	})
}

func TestJudge_rightKey_isVouchedFor(t *testing.T) {
	g, f := setup(t, nil), withKeys(t, captchaYAML(form.Turnstile, ""))
	require.Equal(t, Verdict{}, g.judge(f, "_website", "http://spam.example", "_started", "forged"))
}

func TestServersOnly(t *testing.T) {
	require.True(t, ServersOnly(withKeys(t, "")))
	require.False(t, ServersOnly(testForm(t, "")))
}
