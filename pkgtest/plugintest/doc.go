// Package plugintest runs plug-ins in tests, against any Kafka: [Start] one, [Bundle.Submit] to its forms, look at its
// [Bundle.Events] and at what it has committed. [Suite] is what pkg/plugin promises on any Kafka.
package plugintest
