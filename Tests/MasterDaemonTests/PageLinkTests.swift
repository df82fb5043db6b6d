//===----------------------------------------------------------------------===//
// Quartermaster: tests of the links between documents: they lead somewhere for who reads them in the repository
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Links between documents") struct PageLinkTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func pages(_ folder: String) throws -> [URL] {
        let url = root.appendingPathComponent(folder)
        return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "md" }
    }

    /// scripts/docs gives the links between pages of the catalogue the form that the documentation compiler wants.
    @Test("a link from one document to another leads to a file", arguments: [".", "docs", "docs/Quartermaster.docc"])
    func links(_ folder: String) throws {
        var count = 0
        for page in try Self.pages(folder) {
            let text = try String(contentsOf: page, encoding: .utf8)
            #expect(!text.contains("<doc:"), "\(page.lastPathComponent): dead where no documentation compiler reads it")
            for part in text.components(separatedBy: "](").dropFirst() {
                let target = part.prefix { $0 != ")" && $0 != "#" && $0 != " " }
                if target.isEmpty || target.contains(":") || !target.contains(".") { continue }
                count += 1
                let file = page.deletingLastPathComponent().appendingPathComponent(String(target))
                #expect(FileManager.default.fileExists(atPath: file.path), "\(page.lastPathComponent): \(target)")
            }
        }
        #expect(count > 10)
    }
}
