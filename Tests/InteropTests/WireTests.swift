//===----------------------------------------------------------------------===//
// Quartermaster: what a child inherits, side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// The same master.cf under Debian's master and under ours: every child must find the same world.
    @Suite("Side by side on the wire") struct Wire {
        @Test(
            "children find the same descriptors, arguments, environment and identity",
            arguments: WireVariant.allCases
        )
        func sameWorld(_ variant: WireVariant) throws {
            let sandbox = try PostfixSandbox.create()
            defer { sandbox.destroy() }
            let services = try WireService.install(in: sandbox)
            let expected = try Self.record(.debian, variant, services, in: sandbox)
            let actual = try Self.record(.quartermaster, variant, services, in: sandbox)

            #expect(expected.keys.sorted() == actual.keys.sorted())
            // The same difference in many children is one difference, told once.
            var differences: [String: [String]] = [:]
            for (child, lines) in expected {
                for change in (actual[child] ?? []).difference(from: lines) {
                    let text =
                        switch change {
                        case .remove(_, let line, _): "Debian's has: \(line)"
                        case .insert(_, let line, _): "ours has:     \(line)"
                        }
                    differences[text, default: []].append(child)
                }
            }
            let report = differences.sorted { $0.key.suffix(40) < $1.key.suffix(40) }.map { text, children in
                "\(text)  [\(children.count) children, such as \(children.min() ?? "")]"
            }
            #expect(report.isEmpty, "\(variant):\n\(report.joined(separator: "\n"))")
        }

        @Test("the record is complete: Debian's master gives what is documented")
        func recordIsComplete() throws {
            let sandbox = try PostfixSandbox.create()
            defer { sandbox.destroy() }
            let services = try WireService.install(in: sandbox)
            let record = try Self.record(.debian, .start, services, in: sandbox)
            #expect(record.count == services.count)
            for (child, lines) in record {
                let descriptors = lines.filter { $0.hasPrefix("descriptor ") }
                let listeners = child.hasPrefix("all addresses") && Loopback.hasIPv6 ? 2 : 1
                #expect(descriptors.count == 6 + listeners, "\(child): \(descriptors)")
                #expect(lines.contains("process group: master's"), "\(child)")
                #expect(lines.contains("session: master's"), "\(child)")
                #expect(lines.contains("working directory: \(sandbox.queueDirectory)"), "\(child)")
                #expect(lines.contains("umask: 077"), "\(child)")
                #expect(lines.contains("groups: 0"), "\(child)")
                #expect(lines.contains { $0.hasPrefix("environment: GENERATION=") }, "\(child)")
                #expect(lines.contains { $0.hasPrefix("kernel: SigIgn:") && $0.hasSuffix("1000") }, "\(child)")
                #expect(lines.contains { $0.hasPrefix("descriptor 4: pipe:same as 3 flags 4001") }, "\(child)")
                #expect(lines.contains { $0.hasPrefix("descriptor 5: socket:") && $0.contains("peer master's") })
            }
        }

        /// Runs the services under one master and returns the dumps by child.
        static func record(
            _ master: MasterUnderTest,
            _ variant: WireVariant,
            _ services: [WireService],
            in sandbox: PostfixSandbox
        ) throws -> [String: [String]] {
            try WireService.clean(sandbox)
            try sandbox.install(master.path, as: "master")
            try variant.start(sandbox)
            var dumps: [String: [String]] = [:]
            let rounds = variant == .reload ? 2 : 1
            for round in 1...rounds {
                if round > 1 { try reloadAndRetire(sandbox) }
                var first: UInt32?
                for service in services {
                    var dump = try service.dump(round: round, in: sandbox)
                    if round > 1 { countGenerations(in: &dump, from: &first) }
                    dumps["\(service.label), round \(round)"] = dump
                }
            }
            try sandbox.stop()
            let ended = eventually { sandbox.processes.isEmpty }
            #expect(ended, "\(master.name): \(sandbox.processes)")
            return dumps
        }

        /// Says generations from the round's first child on. Whether the log's old process still takes the line about
        /// the reload, or a new one is started for it, is up to the scheduler, and a new one has a generation, too.
        private static func countGenerations(in dump: inout [String], from first: inout UInt32?) {
            let name = "environment: GENERATION="
            for index in dump.indices where dump[index].hasPrefix(name) {
                guard let generation = UInt32(dump[index].dropFirst(name.count), radix: 8) else { continue }
                first = first ?? generation
                dump[index] = "\(name)that of the round's first child + \(generation &- (first ?? 0))"
            }
        }

        /// Reloads, and waits until no process of before is left that could take the next client.
        private static func reloadAndRetire(_ sandbox: PostfixSandbox) throws {
            let old = sandbox.processes(named: "wire-probe").map(\.pid)
            try sandbox.reload()
            let left = eventually { !old.contains { ProcessTable.exists($0) } }
            #expect(left, "a reload retires idle processes: \(sandbox.processes(named: "wire-probe"))")
        }
    }
}

/// The ways to start master that a child can notice.
enum WireVariant: String, CaseIterable, CustomTestStringConvertible {
    case start, verbose, reload, foreground, attached

    var testDescription: String { rawValue }

    func start(_ sandbox: PostfixSandbox) throws {
        switch self {
        case .start, .reload:
            try sandbox.start()
        case .verbose:
            let result = try sandbox.command("-v", "start")
            guard result.succeeded else { throw TestSupportError("postfix -v start: \(result)") }
        case .foreground:
            _ = try sandbox.background("start-fg")
        case .attached:
            _ = try sandbox.backgroundMaster("-d")
        }
        // The log service is the first child in every run, so that the generations of the others agree.
        guard sandbox.wait(for: "daemon started") else { throw TestSupportError("no start:\n\(sandbox.logTail())") }
    }
}
