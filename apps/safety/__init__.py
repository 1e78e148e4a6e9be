"""May we trade: states, limits, approvals, arming, alerts."""
