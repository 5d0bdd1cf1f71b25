//! Rules, ledger, plan, transforms, purge, proof, receipt.
