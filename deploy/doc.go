// Package deploy holds what runs Formstream elsewhere than on a developer's terminal: the Dockerfile in docker/, the Helm
// chart in helm/formstream, and docker-compose.yml in the repository's root. Its tests hold them against the services
// themselves, without an engine or a cluster: the Dockerfile's build stage is run, and each service is asked whether it
// accepts the settings that compose and chart give it.
package deploy
