using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion.Packages;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Models;

/// <summary>Where models are, and where they compute.</summary>
internal sealed class ModelFolderOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Models";

    /// <summary>
    /// Folders whose subfolders are model packages, relative ones to the working directory. Empty: <c>models</c> in the working directory,
    /// or else in the nearest folder above the program that has one.
    /// </summary>
    public string[] Folders { get; init; } = [];

    /// <summary>The folders that are looked through.</summary>
    public IReadOnlyList<string> Searched => field ??= Folders is [] ? [ModelCatalog.DefaultFolder()] : Folders;

    /// <summary>
    /// <c>auto</c>: every GPU, or the CPU where there is none; <c>cpu</c>, <c>cuda</c> (the first GPU), <c>cuda:N</c>; or several of these with commas between them.
    /// Each is a slot that solves one job at a time; a device that is named twice has two, which share their models.
    /// </summary>
    [RegularExpression("auto|(cpu|cuda(:[0-9]{1,3})?)(, ?(cpu|cuda(:[0-9]{1,3})?)){0,63}")] public string Device { get; init; } = "auto";

    /// <summary>Bytes that models' weights may take on each device; 0: half of its memory. Models that nobody uses go when another one needs their place.</summary>
    [Range(0, long.MaxValue)] public long MemoryBytes { get; init; }

    /// <summary>What the denoiser computes in: <c>float32</c>, or on a GPU <c>float16</c> or <c>bfloat16</c>. Everything else is float32.</summary>
    [RegularExpression("float32|float16|bfloat16")] public string Precision { get; init; } = "float32";

    /// <summary>The same for single models, by id: <c>Models:Precisions:my-model</c>.</summary>
    public Dictionary<string, Precision> Precisions { get; init; } = [];

    /// <summary>Let a GPU multiply float32 matrices and convolve with the ten-bit mantissas of TF32: faster, and no longer exact to single precision.</summary>
    public bool Tf32 { get; init; }

    /// <summary>Whether feature maps have their channels last in memory: on a GPU often faster in half precision.</summary>
    public bool ChannelsLast { get; init; }

    /// <summary>Threads that share one operator on the CPU; 0: the cores over the number of slots. By itself libtorch takes half of the cores.</summary>
    [Range(0, 1024)] public int Threads { get; init; }
}

/// <summary>What a denoiser computes in.</summary>
internal enum Precision
{
    Float32,
    Float16,
    BFloat16,
}

/// <summary>Checks the model options at start-up.</summary>
[OptionsValidator]
internal sealed partial class ModelFolderOptionsValidator : IValidateOptions<ModelFolderOptions>;
