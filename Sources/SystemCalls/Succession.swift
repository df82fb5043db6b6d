//===----------------------------------------------------------------------===//
// Quartermaster: another program in this process, and the file that it finds its work in
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// memfd_create(2): a file in memory with these bytes, which nobody can change any more. Its name is for /proc only.
package func makeSealedFile(_ name: String, _ bytes: [UInt8]) throws(SystemError) -> Descriptor {
    let file = Descriptor(
        owning: DescriptorNumber(
            try calling(.memfdCreate) { unsafe withPath(name) { unsafe cposix_memory_file($0) } }
        )
    )
    var rest = bytes[...]
    while !rest.isEmpty {
        guard case .bytes(let count) = try file.number.write(Array(rest.prefix(1 << 20))), count > 0 else {
            throw SystemError(.write, .noMemory)
        }
        rest = rest.dropFirst(count)
    }
    try file.number.seek(to: 0)
    _ = try calling(.fcntl) { cposix_seal(file.number.rawValue) }
    return file
}

/// memfd_create(2): an empty file in memory. Its name is for /proc only.
package func makeMemoryFile(_ name: String) throws(SystemError) -> Descriptor {
    Descriptor(
        owning: DescriptorNumber(try calling(.memfdCreate) { unsafe withPath(name) { unsafe cposix_memory_file($0) } })
    )
}

extension DescriptorNumber {
    /// The bytes of a file that `makeSealedFile` made, in this process or in one that executed this program; nil for
    /// any other descriptor, and for a file of more than `limit` bytes.
    package func sealedBytes(atMost limit: Int) throws(SystemError) -> [UInt8]? {
        guard cposix_is_sealed(rawValue) == 1 else { return nil }
        let facts = try facts()
        guard facts.size <= UInt64(limit) else { return nil }
        try seek(to: 0)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(facts.size))
        while let block = try read(atMost: 64 * 1024), !block.isEmpty { bytes += block }
        return bytes.count == Int(facts.size) ? bytes : nil
    }
}

/// Where the program of this process is: /proc/self/exe, as it is now. After the file was replaced the name goes on,
/// with " (deleted)" behind it: ask at the start. nil without /proc.
package func ownProgramPath() -> String? {
    let path = unsafe withText(capacity: 4096) { buffer, size in
        max(unsafe Int(cposix_own_path(buffer, size)), 0)
    }
    return path.isEmpty ? nil : path
}

/// What to execute.
package enum Program: Equatable, Sendable {
    case path(String)
    /// An open one, whatever has become of its name.
    case open(DescriptorNumber)
}

/// execve(2), execveat(2): puts another program into this process, with the environment as it is. Returns, with the
/// reason, only when that failed.
package func execute(_ program: Program, arguments: [String]) -> SystemError {
    let environment = environmentEntries().map { "\($0.name)=\($0.value)" }
    do throws(SystemError) {
        switch program {
        case .path(let path):
            _ = try calling(.execve) {
                unsafe withVectors(arguments, environment) { arguments, environment in
                    unsafe withPath(path) { unsafe cposix_execute($0, arguments, environment) }
                }
            }
            return SystemError(.execve, .invalidArgument)
        case .open(let number):
            _ = try calling(.execveat) {
                unsafe withVectors(arguments, environment) { arguments, environment in
                    unsafe cposix_execute_open(number.rawValue, arguments, environment)
                }
            }
            return SystemError(.execveat, .invalidArgument)
        }
    } catch {
        return error
    }
}

private func withVectors(
    _ arguments: [String],
    _ environment: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>, UnsafePointer<UnsafeMutablePointer<CChar>?>) -> CInt
) -> CInt {
    unsafe withCStrings(arguments) { arguments in
        unsafe withCStrings(environment) { environment in unsafe body(arguments, environment) }
    }
}
