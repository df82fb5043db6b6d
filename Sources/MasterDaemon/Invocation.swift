//===----------------------------------------------------------------------===//
// Quartermaster: how this program was called
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// What the command line said, and where the program lies that it called.
struct Invocation {
    let options: MasterOptions
    /// What the process calls itself: the name of its first program's file.
    let processName: String
    /// The whole command line, for the next program in this process.
    let arguments: [String]
    /// The file of this program when it started; nil without /proc.
    let programPath: String?

    init(
        _ options: MasterOptions,
        processName: String,
        arguments: [String],
        programPath: String? = ownProgramPath()
    ) {
        self.options = options
        self.processName = processName
        self.arguments = arguments
        self.programPath = programPath
    }
}
