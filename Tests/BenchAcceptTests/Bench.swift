//===----------------------------------------------------------------------===//
// Quartermaster: the program under test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import TestSupport

/// `bench-accept`, built together with the tests.
enum Bench {
    static let program = BuiltProducts.path("bench-accept")

    static func run(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        try run([program] + arguments)
    }

    /// Runs a program to its end, or kills it after a while. `meanwhile` gets its process ID.
    static func run(
        _ command: [String],
        meanwhile: (Int32) throws -> Void = { _ in }
    ) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let pid = process.processIdentifier
        let killer = DispatchWorkItem { kill(pid, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + 600, execute: killer)
        try meanwhile(pid)
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        killer.cancel()
        return (process.terminationStatus, text, complaints)
    }
}
