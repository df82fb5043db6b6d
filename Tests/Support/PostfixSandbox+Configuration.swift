//===----------------------------------------------------------------------===//
// Quartermaster: changing a sandbox's main.cf and master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

extension PostfixSandbox {
    /// Sets parameters in main.cf, replacing earlier settings of the same names.
    package func setMain(_ parameters: [String: String]) throws {
        var lines = try String(contentsOfFile: mainCf, encoding: .utf8).split(separator: "\n").map(String.init)
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            lines.removeAll { $0.hasPrefix(name + " =") }
            lines.append("\(name) = \(value)")
        }
        try replace(mainCf, lines)
    }

    /// Rewrites the lines of master.cf. Each line here is a whole logical line.
    package func changeMasterCf(_ change: (inout [String]) throws -> Void) throws {
        var lines = try String(contentsOfFile: masterCf, encoding: .utf8).split(separator: "\n").map(String.init)
        try change(&lines)
        try replace(masterCf, lines)
    }

    /// Adds a service to master.cf.
    package func addService(_ line: String) throws { try changeMasterCf { $0.append(line) } }

    /// Removes a service from master.cf; a service that is not there is a mistake in the test.
    package func removeService(_ name: String, _ type: String) throws {
        try changeMasterCf { lines in
            let before = lines.count
            lines.removeAll { Self.isService($0, name, type) }
            guard lines.count < before else { throw TestSupportError("no service \(name) \(type) in master.cf") }
        }
    }

    /// Puts another line in the place of a service's.
    package func replaceService(_ name: String, _ type: String, with line: String) throws {
        try changeMasterCf { lines in
            guard let index = lines.firstIndex(where: { Self.isService($0, name, type) }) else {
                throw TestSupportError("no service \(name) \(type) in master.cf")
            }
            lines[index] = line
        }
    }

    /// Installs a program of the test's own beside the daemons.
    package func install(_ path: String, as name: String) throws {
        try PlacedFile.program(path, at: daemonDirectory + "/" + name)
    }

    /// Installs a shell script beside the daemons.
    package func install(script: String, as name: String) throws {
        try PlacedFile.script("#!/bin/sh\n" + script + "\n", at: daemonDirectory + "/" + name)
    }

    private static func isService(_ line: String, _ name: String, _ type: String) -> Bool {
        line.split(separator: " ").prefix(2).map(String.init) == [name, type]
    }

    private func replace(_ path: String, _ lines: [String]) throws {
        try PlacedFile.configuration(lines.joined(separator: "\n") + "\n", at: path)
    }
}
