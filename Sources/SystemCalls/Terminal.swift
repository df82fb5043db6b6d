//===----------------------------------------------------------------------===//
// Quartermaster: a terminal to draw on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix

/// Owns the terminal while something is drawn on it: keys come at once and are not shown, and there is another screen.
/// It is as it was when this value ends, or the process does, by whatever signal that can be caught.
package struct DrawnTerminal: ~Copyable {
    /// tcsetattr(3); throws where there is no terminal.
    package init(input: DescriptorNumber, output: DescriptorNumber) throws(SystemError) {
        _ = try calling(.tcsetattr) { cposix_terminal_enter(input.rawValue, output.rawValue) }
    }

    deinit { cposix_terminal_leave() }

    /// What Control-Z does; returns when the process goes on.
    package func suspend() { cposix_terminal_suspend() }
}

extension DescriptorNumber {
    /// ioctl(2) TIOCGWINSZ; nil where it is no terminal, or one that does not know.
    package var terminalSize: (columns: Int, rows: Int)? {
        var (columns, rows): (CInt, CInt) = (0, 0)
        guard unsafe cposix_terminal_size(rawValue, &columns, &rows) == 0, columns > 0, rows > 0 else { return nil }
        return (Int(columns), Int(rows))
    }
}
