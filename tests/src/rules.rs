//! Other rules for a pipeline than the one that every pipeline runs.

use crate::pipeline::Pipeline;

/// What every configuration says of its rules.
const SHIPPED: &str = "isolate-high.yaml";

impl Pipeline {
    /// From now on whoever starts runs these rules beside the shipped one: the name of each file, and its text.
    ///
    /// # Panics
    /// When the configuration names other rules than the shipped one, or a file cannot be written.
    pub fn add_rules<N: AsRef<str>, T: AsRef<str>>(&self, rules: &[(N, T)]) {
        self.name_rules(&[SHIPPED], rules);
    }

    /// The same in the place of the shipped one.
    ///
    /// # Panics
    /// As [`Self::add_rules`].
    pub fn replace_rules<N: AsRef<str>, T: AsRef<str>>(&self, rules: &[(N, T)]) {
        self.name_rules(&[], rules);
    }

    fn name_rules<N: AsRef<str>, T: AsRef<str>>(&self, there: &[&str], rules: &[(N, T)]) {
        let mut names = there.to_vec();
        for (name, text) in rules {
            std::fs::write(self.config().with_file_name(name.as_ref()), text.as_ref()).expect("the rule is written");
            names.push(name.as_ref());
        }
        let text = std::fs::read_to_string(self.config()).expect("the configuration is there");
        let named = text.replace(&format!("rules: [{SHIPPED}]"), &format!("rules: [{}]", names.join(", ")));
        assert_ne!(named, text, "the configuration names the shipped rule alone");
        std::fs::write(self.config(), named).expect("the configuration is written");
    }
}
