//===----------------------------------------------------------------------===//
// Quartermaster: which build this program is
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// The version, and what tells this very build from others: the commit, if `scripts/mark-commit` put it into the
/// program, or else the build id that the linker gave it.
package enum BuildMark {
    package static let version = "0.7.0-dev"

    /// Version and mark of the program that runs. Looked up once: the program is read for it.
    package static let text = text(of: (try? readFile("/proc/self/exe"))?.bytes ?? [])

    private static func text(of program: [UInt8]) -> String {
        let sections = ELFSections(program)
        var mark = "of an unknown commit"
        if let commit = sections?.content(of: ".quartermaster.commit") {
            mark = "commit " + String(decoding: commit.prefix { $0 > 32 && $0 < 127 }, as: UTF8.self)
        } else if let id = sections?.content(of: ".note.gnu.build-id")?.dropFirst(16), !id.isEmpty {
            mark = "build " + id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        return "\(version) (\(mark))"
    }
}

/// The sections of a program file: ELF, 64 bits, little endian, as Linux has it on the machines that Swift runs on.
/// Every number of the file is checked before it is believed.
struct ELFSections {
    private let file: [UInt8]
    private let headers: [(name: Int, offset: Int, size: Int)]
    private let names: ArraySlice<UInt8>

    init?(_ file: [UInt8]) {
        self.file = file
        guard file.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]), file.count >= 64 else { return nil }
        let table = Self.number(file, at: 0x28, bytes: 8)
        let size = Self.number(file, at: 0x3a, bytes: 2)
        let count = Self.number(file, at: 0x3c, bytes: 2)
        let namesIndex = Self.number(file, at: 0x3e, bytes: 2)
        guard size >= 64, namesIndex < count, table <= file.count, size * count <= file.count - table else {
            return nil
        }
        headers = (0..<count).map { index in
            let header = table + index * size
            return (
                Self.number(file, at: header, bytes: 4), Self.number(file, at: header + 0x18, bytes: 8),
                Self.number(file, at: header + 0x20, bytes: 8)
            )
        }
        guard let names = Self.slice(file, headers[namesIndex].offset, headers[namesIndex].size) else { return nil }
        self.names = names
    }

    func content(of name: String) -> ArraySlice<UInt8>? {
        let wanted = Array(name.utf8) + [0]
        let header = headers.first { $0.name < names.count && names.dropFirst($0.name).starts(with: wanted) }
        return header.flatMap { Self.slice(file, $0.offset, $0.size) }
    }

    private static func slice(_ file: [UInt8], _ offset: Int, _ size: Int) -> ArraySlice<UInt8>? {
        offset <= file.count && size <= file.count - offset ? file[offset..<offset + size] : nil
    }

    /// Numbers that no file is large enough for come out as the largest there is.
    private static func number(_ file: [UInt8], at place: Int, bytes: Int) -> Int {
        Int(clamping: (0..<bytes).reduce(0) { $0 | UInt64(file[place + $1]) << (8 * UInt64($1)) })
    }
}
