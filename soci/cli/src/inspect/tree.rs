//! Rendering of trees.

/// A line of a tree.
pub(super) struct Node {
    depth: usize,
    text: String,
}

impl Node {
    pub(super) fn new(depth: usize, text: String) -> Self {
        Self { depth, text }
    }
}

/// Draws the branches of a tree whose nodes are in depth-first order.
pub(super) fn lines(nodes: &[Node]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        // A branch continues below a node if a later node has the same depth and no node in between
        // is shallower.
        let continues = |depth: usize| {
            let below = nodes[at + 1..].iter().map(|node| node.depth);
            below.take_while(|d| *d >= depth).any(|d| d == depth)
        };
        let mut line = String::new();
        for depth in 1..=node.depth {
            line.push_str(match (depth == node.depth, continues(depth)) {
                (true, true) => "├─ ",
                (true, false) => "└─ ",
                (false, true) => "│  ",
                (false, false) => "   ",
            });
        }
        lines.push(line + &node.text);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches() {
        let nodes = [(0, "a"), (1, "b"), (2, "c"), (1, "d"), (2, "e"), (2, "f")];
        let nodes = nodes.map(|(depth, text)| Node::new(depth, text.to_owned()));
        let want = ["a", "├─ b", "│  └─ c", "└─ d", "   ├─ e", "   └─ f"];
        assert_eq!(lines(&nodes), want);
    }
}
