//===----------------------------------------------------------------------===//
// Quartermaster: what the tests of MasterConfig share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import MasterConfig

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A dictionary of lines, which must be without problems.
func dictionary(_ text: String) -> MainDictionary {
    var problems: [ConfigProblem] = []
    let result = MainDictionary(parsing: text, path: "/c/main.cf", problems: &problems)
    #expect(problems == [])
    return result
}

let testHost = HostFacts(hostName: "mx.example.com", configDirectory: "/c", processName: "master")

func settings(_ text: String = "", host: HostFacts = testHost) -> (MainSettings, [ConfigProblem]) {
    var problems: [ConfigProblem] = []
    var parsed = MainDictionary(parsing: text, path: "/c/main.cf", problems: &problems)
    let result = MainSettings.evaluate(&parsed, host: host, problems: &problems)
    return (result, problems)
}

/// The texts of the fatal problems of a main.cf.
func fatals(_ text: String) -> [String] {
    settings(text).1.filter { $0.severity == .fatal }.map(\.text)
}

func parseMaster(_ text: String, main: String = "compatibility_level = 3.6") -> ([ServiceEntry], [ConfigProblem]) {
    var problems: [ConfigProblem] = []
    let entries = MasterFile.parse(text, path: "/c/master.cf", settings: settings(main).0, problems: &problems)
    return (entries, problems)
}

func masterTexts(_ text: String, main: String = "compatibility_level = 3.6") -> [String] {
    parseMaster(text, main: main).1.map(\.text)
}

enum Golden {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

    static func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: directory.appendingPathComponent(name)))
    }

    /// With QM_GOLDEN_UPDATE set, writes what was found instead of comparing.
    static func expect(_ found: String, equals name: String) throws {
        let url = directory.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["QM_GOLDEN_UPDATE"] != nil {
            try Data(found.utf8).write(to: url)
        }
        let wanted = try String(contentsOf: url, encoding: .utf8)
        let differing = zip(found.split(separator: "\n"), wanted.split(separator: "\n")).first { $0 != $1 }
        #expect(found == wanted, "first difference: \(String(describing: differing))")
    }
}
