using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Schedules;

/// <summary>The noise schedule, prediction type and timestep spacing that a scheduler_config.json of diffusers names.</summary>
public sealed class SchedulerConfig
{
    // Samplers of the same noise schedules. Sampling here is always DDIM.
    private static readonly string[] OtherSamplers =
    [
        "DEISMultistepScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler",
        "HeunDiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler", "LMSDiscreteScheduler", "UniPCMultistepScheduler",
    ];

    // Options of diffusers' samplers: configs keep them whatever class they were saved by last, and the solvers sample in their own way.
    private static readonly string[] HowToSample =
    [
        "algorithm_type", "correct_steps", "disable_corrector", "eta", "euler_at_final", "final_sigmas_type", "flow_shift", "interpolation_type",
        "lambda_min_clipped", "lower_order_final", "noise_sampler_seed", "original_inference_steps", "predict_x0", "rho", "sampling_eps",
        "set_alpha_to_zero", "sigma_data", "sigma_max", "sigma_min", "sigma_schedule", "skip_prk_steps", "snr", "solver_order", "solver_p",
        "solver_type", "time_shift_type", "timestep_scaling", "use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas", "use_lu_lambdas",
    ];

    private SchedulerConfig(NetworkConfig config)
    {
        Noise = NoiseSchedule.Read(config);

        // In the first versions predict_epsilon chose between the noise and the clean sample.
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

        // Networks of flow matching, and those that take a noise level in place of a timestep, are called differently.
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
        SetAlphaToOne = config.Bool("set_alpha_to_one", ddim);
        LearnedVariance = config.Text("variance_type", null) is "learned" or "learned_range";

        // Read so that a wrong value is refused, and left aside: the solvers neither shift timesteps nor clip estimates by them.
        config.Int("steps_offset", 0, 0, Noise.TrainTimesteps);
        config.Bool("clip_sample", true);
        config.Number("clip_sample_range", 1);
        config.Bool("thresholding", false);
        config.Number("sample_max_value", 1);
        if (config.Number("dynamic_thresholding_ratio", 0.995) is not (>= 0 and <= 1))
        {
            throw config.Error("dynamic_thresholding_ratio", "must lie in [0, 1]");
        }

        // An option of the first versions that chose the array library.
        config.Ignore([.. HowToSample, "tensor_format"]);
        if (!OtherSamplers.Contains(config.ClassName))
        {
            config.Finish();
        }
    }

    /// <summary>The noise of each training timestep.</summary>
    public NoiseSchedule Noise { get; }

    /// <summary>The quantity that the network predicts.</summary>
    public PredictionType PredictionType { get; }

    /// <summary>Spacing of a run's timesteps.</summary>
    public TimestepSpacing Spacing { get; }

    /// <summary>True where a run's last step ends without noise, at ᾱ = 1, rather than at that of timestep 0.</summary>
    public bool SetAlphaToOne { get; }

    /// <summary>True where the second half of the network's output channels is a variance (Nichol and Dhariwal 2021), which DDIM does not use.</summary>
    public bool LearnedVariance { get; }

    /// <summary>
    /// Reads a scheduler_config.json of DDIMScheduler. Of other samplers (DDPM, PNDM, Euler, DPM-Solver and their kin) the noise schedule, the prediction type
    /// and the spacing are taken.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidModelException">The file is missing or names an unknown class or option.</exception>
    public static SchedulerConfig Read(string path)
    {
        NetworkConfig config = NetworkConfig.Read(path, Path.GetFileName(path));
        return config.ClassName is "DDIMScheduler" or "DDPMScheduler" or "PNDMScheduler" || OtherSamplers.Contains(config.ClassName)
            ? new SchedulerConfig(config)
            : throw new InvalidModelException(
                $"{config.Name}: the class {InvalidModelException.Quote(config.ClassName)} is not known; here it must be DDIMScheduler, DDPMScheduler, " +
                $"PNDMScheduler or one of {string.Join(", ", OtherSamplers)}.");
    }
}
