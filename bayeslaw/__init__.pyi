# What `import bayeslaw as bl` offers, and the room that each name comes from.
from . import datasets as datasets, plots as plots
from .architecture.architecture import Architecture as Architecture, architecture as architecture
from .architecture.buildable import Buildable as Buildable, buildable as buildable
from .checks.calibrate.calibrate import calibrate as calibrate
from .checks.calibrate.result import Calibration as Calibration
from .checks.card import check_card as check_card
from .checks.leave_source_out import (
    SourceTransfer as SourceTransfer,
    leave_one_source_out as leave_one_source_out,
)
from .checks.new_runs import NewRunsCheck as NewRunsCheck, check_new_runs as check_new_runs
from .checks.predictive import (
    PosteriorPredictiveCheck as PosteriorPredictiveCheck,
    posterior_predictive_check as posterior_predictive_check,
)
from .checks.prior_sensitivity import (
    PriorSensitivity as PriorSensitivity,
    prior_sensitivity as prior_sensitivity,
)
from .checks.rolling_origin import RollingOrigin as RollingOrigin, rolling_origin as rolling_origin
from .comparison.compare import compare as compare
from .comparison.evidence import Evidence as Evidence, evidence as evidence
from .comparison.nested import (
    NestedComparison as NestedComparison,
    compare_nested as compare_nested,
)
from .comparison.result import Comparison as Comparison
from .comparison.savage_dickey import SavageDickey as SavageDickey, savage_dickey as savage_dickey
from .comparison.speedup import speedup as speedup
from .comparison.speedup_result import Speedup as Speedup
from .core.compilation import clear_cache as clear_cache
from .core.errors import BayesLawError as BayesLawError
from .core.notes import Note as Note
from .design.next_runs import next_runs as next_runs
from .design.result import NextRuns as NextRuns
from .inference.fit import fit as fit
from .inference.fit_by_group import fit_by_group as fit_by_group
from .inference.fit_many import fit_many as fit_many
from .law.cost import costs as costs
from .law.law import Law as Law
from .law.library import law as law, laws as laws
from .model.by_source import BySource as BySource
from .model.extrapolation import (
    ExtrapolationError as ExtrapolationError,
    ExtrapolationPrior as ExtrapolationPrior,
    field_prior as field_prior,
)
from .model.kernels import GaussianProcess as GaussianProcess, Growth as Growth, Offsets as Offsets
from .model.simulate import draw_design as draw_design, simulate as simulate
from .model.specification import numpyro_model as numpyro_model
from .optimum.budget import Budget as Budget
from .optimum.cheapest import Cheapest as Cheapest, cheapest as cheapest
from .optimum.decide import Decision as Decision, decide as decide, expert_grid as expert_grid
from .optimum.flatness import NearOptimal as NearOptimal
from .optimum.frontier import Frontier as Frontier, frontier as frontier
from .optimum.optimum import optimum as optimum
from .optimum.quantity import OptimumQuantity as OptimumQuantity
from .optimum.request import EfficiencyRules as EfficiencyRules
from .optimum.result import Optimum as Optimum
from .posterior.load import load as load
from .posterior.mixture import Mixture as Mixture, average_laws as average_laws
from .posterior.posterior import Posterior as Posterior
from .report.contents import Report as Report
from .report.report import report as report
from .runs.pooled import pool_runs as pool_runs
from .runs.read import read_runs as read_runs
from .runs.reference import ReferenceRun as ReferenceRun
from .runs.replicates import ReplicateNoise as ReplicateNoise, replicate_noise as replicate_noise
from .runs.table import Runs as Runs
from .study.result import Study as Study
from .study.study import study as study

__version__: str
