//===----------------------------------------------------------------------===//
// Quartermaster: texts of /proc
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls

/// Reads and takes apart what the kernel writes; decides nothing.
enum ProcFile {
    static func text(_ path: String) throws(SystemError) -> Substring {
        let file = try openFile(path, .readOnly)
        var bytes: [UInt8] = []
        while let block = try file.number.read(atMost: 4096), !block.isEmpty { bytes += block }
        return String(decoding: bytes, as: UTF8.self)[...]
    }

    /// The numbers that name the entries of a directory: processes in /proc, threads in /proc/PID/task.
    static func numbers(in directory: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { Int32($0) }.sorted()
    }

    /// `Name:   123 kB`: the number behind the name, for each name wanted; 0 when it is not there.
    static func values(_ names: [Substring], in text: Substring) -> [Int] {
        var values = [Int](repeating: 0, count: names.count)
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":"), let place = names.firstIndex(of: line[..<colon]) else {
                continue
            }
            let words = line[line.index(after: colon)...].split { $0 == " " || $0 == "\t" }
            values[place] = words.first.flatMap { Int($0) } ?? 0
        }
        return values
    }

    /// Clock ticks since the machine started, as the start of a process is given.
    static func ticksSinceBoot(perSecond: Int64) throws(SystemError) -> Int64 {
        let seconds = try text("/proc/uptime").split(separator: " ").first.flatMap { Double($0) }
        return Int64((seconds ?? 0) * Double(perSecond))
    }
}

extension SystemError {
    /// Of another user, as opposed to gone.
    var isRefusal: Bool { code == .permissionDenied || code == .notPermitted }
}
