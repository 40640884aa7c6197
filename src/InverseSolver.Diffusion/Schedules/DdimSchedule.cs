using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Schedules;

/// <summary>The DDIMScheduler of diffusers: a noise schedule, the timesteps to visit, and the step between two of them.</summary>
public sealed class DdimSchedule
{
    // Samplers of the same noise schedules. Sampling here is always DDIM.
    private static readonly string[] _otherSamplers =
    [
        "DEISMultistepScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler",
        "HeunDiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler", "LMSDiscreteScheduler", "UniPCMultistepScheduler",
    ];

    // How some sampler of diffusers samples: configs keep such options whatever class they were saved by last, and the solvers sample in their own way.
    private static readonly string[] _howToSample =
    [
        "algorithm_type", "correct_steps", "disable_corrector", "eta", "euler_at_final", "final_sigmas_type", "flow_shift", "interpolation_type", "lambda_min_clipped",
        "lower_order_final", "noise_sampler_seed", "original_inference_steps", "predict_x0", "rho", "sampling_eps", "set_alpha_to_zero", "sigma_data", "sigma_max", "sigma_min",
        "sigma_schedule", "skip_prk_steps", "snr", "solver_order", "solver_p", "solver_type", "time_shift_type", "timestep_scaling", "use_beta_sigmas", "use_exponential_sigmas",
        "use_karras_sigmas", "use_lu_lambdas",
    ];

    private readonly int stepsOffset;
    private readonly double? clipRange;
    private readonly (double Ratio, double Max)? threshold;

    private DdimSchedule(NetworkConfig config)
    {
        Noise = NoiseSchedule.Read(config);

        // The first versions said by predict_epsilon whether it is the noise or the clean sample.
        bool noise = config.Bool("predict_epsilon", true);
        PredictionType = config.OneOf("prediction_type", noise ? "epsilon" : "sample", "epsilon", "v_prediction", "sample") switch
        {
            "v_prediction" => PredictionType.VPrediction,
            "sample" => PredictionType.Sample,
            _ => PredictionType.Epsilon,
        };
        if (!noise && PredictionType != PredictionType.Sample)
        {
            throw config.Error("predict_epsilon", "is false, but prediction_type is not 'sample'");
        }

        // Networks of flow matching, and those that are told a noise level in place of a timestep, are called in another way.
        config.Refuse("use_flow_sigmas");
        config.Refuse("use_dynamic_shifting");
        config.OneOf("timestep_type", "discrete", "discrete");
        Spacing = config.OneOf("timestep_spacing", "leading", "leading", "linspace", "trailing") switch
        {
            "linspace" => TimestepSpacing.Linspace,
            "trailing" => TimestepSpacing.Trailing,
            _ => TimestepSpacing.Leading,
        };
        bool ddim = config.ClassName == "DDIMScheduler";
        stepsOffset = config.Int("steps_offset", 0, 0, Noise.TrainTimesteps);
        SetAlphaToOne = config.Bool("set_alpha_to_one", ddim);
        LearnedVariance = config.Text("variance_type", null) is "learned" or "learned_range";
        double range = config.Number("clip_sample_range", 1);
        clipRange = config.Bool("clip_sample", config.ClassName != "PNDMScheduler") ? range : null;
        double ratio = config.Number("dynamic_thresholding_ratio", 0.995), max = config.Number("sample_max_value", 1);
        if (ratio is not (>= 0 and <= 1))
        {
            throw config.Error("dynamic_thresholding_ratio", "must lie in [0, 1]");
        }

        threshold = config.Bool("thresholding", false) ? (ratio, max) : null;

        // The first versions said which kind of array they want.
        config.Ignore([.. _howToSample, "tensor_format"]);
        if (!_otherSamplers.Contains(config.ClassName))
        {
            config.Finish();
        }
    }

    /// <summary>The noise of each training timestep.</summary>
    public NoiseSchedule Noise { get; }

    /// <summary>What the network predicts.</summary>
    public PredictionType PredictionType { get; }

    /// <summary>Where the timesteps of a run lie.</summary>
    public TimestepSpacing Spacing { get; }

    /// <summary>Whether a run's last step ends without noise, at ᾱ = 1, rather than at that of timestep 0.</summary>
    public bool SetAlphaToOne { get; }

    /// <summary>Whether the second half of the network's output channels is a variance (Nichol and Dhariwal 2021), which DDIM does not use.</summary>
    public bool LearnedVariance { get; }

    /// <summary>
    /// Reads a scheduler_config.json of DDIMScheduler. Of other samplers (DDPM, PNDM, Euler, DPM-Solver and their kin) the noise schedule, the prediction type
    /// and the spacing are taken.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidModelException">The file is missing or names an unknown class or option.</exception>
    public static DdimSchedule Read(string path)
    {
        NetworkConfig config = NetworkConfig.Read(path, Path.GetFileName(path));
        return config.ClassName is "DDIMScheduler" or "DDPMScheduler" or "PNDMScheduler" || _otherSamplers.Contains(config.ClassName)
            ? new DdimSchedule(config)
            : throw new InvalidModelException($"{config.Name}: the class {InvalidModelException.Quote(config.ClassName)} is not known; here it must be DDIMScheduler, DDPMScheduler, PNDMScheduler or one of {string.Join(", ", _otherSamplers)}.");
    }

    /// <summary>The timesteps of a run, the noisiest first.</summary>
    /// <param name="steps">How many, from 1 to the number of training timesteps.</param>
    public int[] Timesteps(int steps) => Timesteps(Spacing, Noise.TrainTimesteps, steps, stepsOffset);

    /// <summary>The timesteps of a run in a given spacing, the noisiest first.</summary>
    /// <param name="spacing">Where they lie.</param>
    /// <param name="train">Number of training timesteps.</param>
    /// <param name="steps">How many, from 1 to <paramref name="train"/>.</param>
    /// <param name="stepsOffset">What <see cref="TimestepSpacing.Leading"/> adds to each.</param>
    public static int[] Timesteps(TimestepSpacing spacing, int train, int steps, int stepsOffset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, train);
        double Rounded(double t) => Math.Round(t, MidpointRounding.ToEven);
        return spacing switch
        {
            TimestepSpacing.Linspace => [.. Enumerable.Range(0, steps).Reverse().Select(i => steps == 1 ? 0 : (int)Rounded(i * (train - 1.0) / (steps - 1)))],
            TimestepSpacing.Trailing => [.. Enumerable.Range(0, steps).Select(i => (int)Rounded(train - i * (train / (double)steps)) - 1)],
            _ => [.. Enumerable.Range(0, steps).Reverse().Select(i => i * (train / steps) + stepsOffset)],
        };
    }

    /// <summary>One DDIM step from timestep t to the one that lies one stride before it.</summary>
    /// <param name="modelOutput">What the network said about (z, t), in its own terms.</param>
    /// <param name="t">The timestep.</param>
    /// <param name="z">The sample at t, (N, ...).</param>
    /// <param name="steps">Steps of the whole run; the stride is training timesteps over steps, rounded down.</param>
    /// <param name="eta">0: no new noise; 1: as much as DDPM.</param>
    /// <param name="noise">Standard normal, shaped as z; needed when eta is above 0.</param>
    /// <returns>The sample at the next timestep, and the clean sample that was estimated.</returns>
    public (Tensor Previous, Tensor Original) Step(Tensor modelOutput, int t, Tensor z, int steps, double eta = 0, Tensor? noise = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        int previous = t - Noise.TrainTimesteps / steps;
        double a = Noise.Abar[t], aPrevious = previous >= 0 ? Noise.Abar[previous] : SetAlphaToOne ? 1 : Noise.Abar[0];
        double signal = Math.Sqrt(a), spread = Math.Sqrt(1 - a);
        (Tensor original, Tensor epsilon) = PredictionType switch
        {
            PredictionType.VPrediction => (z * signal - modelOutput * spread, modelOutput * signal + z * spread),
            PredictionType.Sample => (modelOutput.alias(), (z - modelOutput * signal) / spread),
            _ => ((z - modelOutput * spread) / signal, modelOutput),
        };
        original = threshold is { } limits ? Thresholded(original, limits.Ratio, limits.Max)
            : clipRange is { } range ? original.clamp(-range, range)
            : original;

        double deviation = eta * Math.Sqrt((1 - aPrevious) / (1 - a) * (1 - a / aPrevious));
        Tensor next = original * Math.Sqrt(aPrevious) + epsilon * Math.Sqrt(Math.Max(0, 1 - aPrevious - deviation * deviation));
        if (eta > 0)
        {
            next = next + (noise ?? throw new ArgumentNullException(nameof(noise), "eta above 0 needs noise")) * deviation;
        }

        return (next.MoveToOuterDisposeScope(), original.MoveToOuterDisposeScope());
    }

    // Each item is clipped at a quantile of its own magnitudes, which is then scaled to 1.
    private static Tensor Thresholded(Tensor x, double ratio, double max)
    {
        Tensor[] items = x.split(1);
        return torch.cat([.. items.Select(item =>
        {
            double[] magnitudes = [.. item.ToDoubles().Select(Math.Abs).Order()];
            double place = ratio * (magnitudes.Length - 1);
            int below = (int)place, above = Math.Min(below + 1, magnitudes.Length - 1);
            double quantile = magnitudes[below] + (place - below) * (magnitudes[above] - magnitudes[below]);
            double limit = Math.Min(Math.Max(quantile, 1), max);
            return item.clamp(-limit, limit) / limit;
        })]);
    }
}
