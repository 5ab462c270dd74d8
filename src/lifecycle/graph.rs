//! Who depends on whom.

use std::collections::HashMap;

use super::error::GraphError;

/// The edges between nodes, by their numbers: each dependency is a node, and there is no circle.
#[derive(Debug)]
pub(super) struct Graph {
    dependencies: Vec<Vec<usize>>,
    dependants: Vec<Vec<usize>>,
}

impl Graph {
    /// Of each node its name and the names of what it depends on.
    pub(super) fn new(nodes: &[(&str, &[String])]) -> Result<Self, GraphError> {
        let mut numbers = HashMap::new();
        for (number, (name, _)) in nodes.iter().enumerate() {
            if numbers.insert(*name, number).is_some() {
                let name = (*name).to_owned();
                return Err(GraphError::Duplicate { name });
            }
        }
        let mut dependencies = Vec::with_capacity(nodes.len());
        for (name, needed) in nodes {
            let known = |dependency: &String| {
                let number = numbers.get(dependency.as_str()).copied();
                number.ok_or_else(|| GraphError::UnknownDependency {
                    name: (*name).to_owned(),
                    dependency: dependency.clone(),
                })
            };
            let mut known: Vec<usize> = needed.iter().map(known).collect::<Result<_, _>>()?;
            known.sort_unstable();
            known.dedup();
            dependencies.push(known);
        }
        let mut dependants = vec![Vec::new(); nodes.len()];
        for (number, needed) in dependencies.iter().enumerate() {
            for dependency in needed {
                if let Some(dependants) = dependants.get_mut(*dependency) {
                    dependants.push(number);
                }
            }
        }
        let graph = Self {
            dependencies,
            dependants,
        };
        graph.find_circle().map_or(Ok(graph), |circle| {
            let name = |number: usize| nodes.get(number).map(|(name, _)| (*name).to_owned());
            let nodes = circle.into_iter().filter_map(name).collect();
            Err(GraphError::Circle { nodes })
        })
    }

    pub(super) fn dependencies(&self, node: usize) -> &[usize] {
        self.dependencies.get(node).map_or(&[], Vec::as_slice)
    }

    pub(super) fn dependants(&self, node: usize) -> &[usize] {
        self.dependants.get(node).map_or(&[], Vec::as_slice)
    }

    /// The node itself and all that it depends on, however far.
    pub(super) fn with_dependencies(&self, node: usize) -> Vec<usize> {
        reach(node, |it| self.dependencies(it))
    }

    /// The nodes themselves and all that depend on any of them, however far.
    pub(super) fn with_dependants(&self, nodes: &[usize]) -> Vec<usize> {
        let mut all: Vec<usize> = nodes
            .iter()
            .flat_map(|node| reach(*node, |it| self.dependants(it)))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn find_circle(&self) -> Option<Vec<usize>> {
        // What is left when nodes whose dependencies are all gone go, one after the other, has a circle.
        let mut left: Vec<usize> = (0..self.dependencies.len()).collect();
        loop {
            let stays = |node: &usize| self.dependencies(*node).iter().any(|it| left.contains(it));
            let next: Vec<usize> = left.iter().copied().filter(stays).collect();
            if next.len() == left.len() {
                break;
            }
            left = next;
        }
        let mut path = vec![*left.first()?];
        loop {
            let last = path.last()?;
            let next = self
                .dependencies(*last)
                .iter()
                .find(|it| left.contains(it))?;
            if let Some(begin) = path.iter().position(|it| it == next) {
                return Some(path.split_off(begin));
            }
            path.push(*next);
        }
    }
}

fn reach<'a>(from: usize, next: impl Fn(usize) -> &'a [usize]) -> Vec<usize> {
    let (mut reached, mut at) = (vec![from], 0);
    while let Some(node) = reached.get(at).copied() {
        for further in next(node) {
            if !reached.contains(further) {
                reached.push(*further);
            }
        }
        at += 1;
    }
    reached
}
