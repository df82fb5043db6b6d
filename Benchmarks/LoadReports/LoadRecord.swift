//===----------------------------------------------------------------------===//
// Quartermaster: LoadReports, what measurements say, as values and as text for people and programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What one call of `bench-accept` measured: the same load once, or several times in a row. This is what `--json`
/// writes and `compare` reads; its shape is described in `docs/bench-accept.schema.json`.
package struct LoadRecord: Codable, Equatable, Sendable {
    /// Of this shape; a reader refuses any other.
    package static let currentSchema = 2

    package var schema = Self.currentSchema
    /// Name and version of the program that wrote it.
    package var tool: String
    package var setup: LoadSetup
    package var machine: MachineFacts
    package var runs: [RunReport]

    package init(tool: String, setup: LoadSetup, machine: MachineFacts, runs: [RunReport]) {
        self.tool = tool
        self.setup = setup
        self.machine = machine
        self.runs = runs
    }
}

/// What was asked for.
package struct LoadSetup: Codable, Equatable, Sendable {
    /// As the command line named it: `tcp 127.0.0.1:25`, `unix /path`, …
    package var target: String
    /// storm, kept, burst, slow, idle or datagrams.
    package var shape: String
    /// Nil: words of the command line's own.
    package var preset: String?
    /// Clients at work, or connections held, at the same time.
    package var clients: Int
    package var threads: Int
    /// Exchanges a second that an open loop intends; nil: a closed loop, or a profile.
    package var intendedRate: Double?
    /// How the rate changes: `ramp`, `step` or `spike` with its figures, or a file's name; nil: it does not.
    package var profile: String?
    package var warmUpSeconds: Double = 0
    /// Connections are closed with a reset.
    package var closesWithReset = false

    package init(target: String, shape: String, preset: String?, clients: Int, threads: Int) {
        self.target = target
        self.shape = shape
        self.preset = preset
        self.clients = clients
        self.threads = threads
    }
}

/// Where it was measured.
package struct MachineFacts: Codable, Equatable, Sendable {
    package var kernel: String
    package var processor: String
    package var processors: Int

    package init(kernel: String, processor: String, processors: Int) {
        self.kernel = kernel
        self.processor = processor
        self.processors = processors
    }
}
