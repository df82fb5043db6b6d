//===----------------------------------------------------------------------===//
// Quartermaster: tests of files by their names in an open directory
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls
import TestSupport
import Testing

struct DirectoryFilesTests {
    @Test("the kernel is asked to write bytes of a file; of a pipe it says that it cannot")
    func beginWriting() throws {
        let home = try TemporaryDirectory()
        let file = try openFile(home.write("some bytes", to: "a"), [.readWrite])
        try file.number.beginWriting(from: 0, count: 10)
        try file.number.beginWriting(from: 4, count: 0)
        let pipe = try makePipe(nonBlocking: true)
        let error = #expect(throws: SystemError.self) { try pipe.second.number.beginWriting(from: 0, count: 1) }
        #expect(error?.call == .syncFileRange)
    }
}
