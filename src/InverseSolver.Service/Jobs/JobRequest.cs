using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Service.Requests;
using InverseSolver.Service.Webhooks;

namespace InverseSolver.Service.Jobs;

/// <summary>A reconstruction to run.</summary>
internal sealed record JobRequest : IRequestWithFiles
{
    /// <summary>The most days for which a job can be kept.</summary>
    internal const int MaxRetain = 36_500;

    /// <summary>The files that a job may have.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        ["measurement", "header", "mask", "psf", "phase", "maps", "covariance", "calibration", "trajectory", "reference", "truth"];

    /// <summary>The model's id, from <c>/v1/models</c>.</summary>
    public required string Model { get; init; }

    /// <summary>The forward model, from the unknown image to the measurement.</summary>
    public required Problem Problem { get; init; }

    /// <summary>
    /// Standard deviation of the measurement's noise, per real component, in the measurement's units (images: [0,1]).
    /// The service adds the quantisation of an 8-bit measurement, which the report states. Absent or null: estimated from the measurement, too high where the
    /// image itself varies as fast as noise; the result's `effectiveSigma` and `sigmaMethod` have the estimate. With `photons` it is the read-out noise, and is
    /// required.
    /// </summary>
    [Range(0.0, 1e6)] public double? Sigma { get; init; }

    /// <summary>
    /// Photons per unit of the measurement, where photons were counted: then y = Poisson(photons * max(A x, 0)) / photons + noise of `sigma`, for `ct` minus
    /// the logarithm of the photons that arrive. Not for `mri`, `phaseRetrieval`, `compressedSensing`, `jpeg` and `quantisation`.
    /// </summary>
    [Range(1e-3, 1e9)] public double? Photons { get; init; }

    /// <summary>The solver; absent, the one that <c>/v1/problems</c> recommends, with its preset <c>balanced</c>.</summary>
    public SolverChoice? Solver { get; init; }

    /// <summary>
    /// Solvers without a network (`baseline` in <c>/v1/solvers</c>) that solve the same problem for comparison, with the preset <c>balanced</c>: at most 4,
    /// each once.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Baselines { get; init; }

    /// <summary>Seed of every random number that the solver draws.</summary>
    [Range(0, long.MaxValue, ErrorMessage = "The seed must be a whole number from 0 to 9223372036854775807.")] public long Seed { get; init; }

    /// <summary>
    /// True where the same request gives the same bits again. `false` lets the job share its network calls with other such jobs of the same model, which is
    /// faster where several run at once; results then differ by rounding, root mean square at most 0.001 on [0,1] for images like those of the model's
    /// training, and the report states that calls were shared.
    /// </summary>
    public bool Reproducible { get; init; } = true;

    /// <summary>
    /// True where a coloured measurement or truth becomes its luminance, 0.299 R + 0.587 G + 0.114 B, where the model is for grey images; else it is refused.
    /// `sigma` is then that of the luminance. A grey image in a file of colours (red, green and blue the same) is accepted, with a warning; an opaque alpha
    /// channel is ignored, transparent pixels are refused.
    /// </summary>
    public bool Luminance { get; init; }

    /// <summary>True where the event stream carries previews.</summary>
    public bool Previews { get; init; } = true;

    /// <summary>A label from the caller. It must not contain patient data: it is stored and listed unchanged, and never logged.</summary>
    [MaxLength(200, ErrorMessage = "The name must have at most 200 characters.")] public string? Name { get; init; }

    /// <summary>Its place among the waiting jobs of its caller: `high` goes before jobs that have waited up to ten minutes longer, `low` behind.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JobPriority Priority { get; init; }

    /// <summary>Days for which the job and its results are kept once it is finished; absent: as the service is configured.</summary>
    [Range(1, MaxRetain, ErrorMessage = "A job is kept for 1 to 36500 days.")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Retain { get; init; }

    /// <summary>
    /// The convention for the directions in an ISMRMRD measurement: `auto` (absent), `none`, or `siemens`, which turns them by 180 degrees as that vendor's
    /// converter requires. `auto` turns them where the header names Siemens. It changes the geometry of DICOM and NIfTI files, not the pixels; the convention
    /// that was applied is stated in the job's warnings and the DICOM files, and must be verified once at each site.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public VendorConvention? VendorConvention { get; init; }

    /// <summary>
    /// The rule for a file `reference` whose patient, study, frame of reference or position differs from the measurement's: `check` (absent) refuses it,
    /// `force` accepts it, which report and DICOM files then state.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ReferenceRule? Reference { get; init; }

    /// <summary>The receiver of a signed message once the job is final; absent, none is sent.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WebhookChoice? Webhook { get; init; }

    /// <summary>The files as data URIs, where they are not sent as parts.</summary>
    public JobFiles? Files { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public IReadOnlyDictionary<string, string?> DataUris => new Dictionary<string, string?>
    {
        ["measurement"] = Files?.Measurement,
        ["header"] = Files?.Header,
        ["mask"] = Files?.Mask,
        ["psf"] = Files?.Psf,
        ["phase"] = Files?.Phase,
        ["maps"] = Files?.Maps,
        ["covariance"] = Files?.Covariance,
        ["calibration"] = Files?.Calibration,
        ["trajectory"] = Files?.Trajectory,
        ["reference"] = Files?.Reference,
        ["truth"] = Files?.Truth,
    };
}

/// <summary>The solver and its settings.</summary>
internal sealed record SolverChoice
{
    /// <summary>The solver's name, from <c>/v1/solvers</c>; absent, the one that <c>/v1/problems</c> recommends for the problem.</summary>
    public string? Type { get; init; }

    /// <summary>The preset to start from: <c>paper</c>, <c>paperFast</c> (solvers with a network), <c>balanced</c> or <c>fast</c>.</summary>
    public string Preset { get; init; } = "balanced";

    /// <summary>Parameters that replace the preset's.</summary>
    public JsonObject? Parameters { get; init; }
}

/// <summary>
/// A job's files as data URIs: PNG, JPEG, TIFF, WebP or .npy. The measurement may also be a DICOM image, a ZIP archive of a DICOM series, a NIfTI volume, raw
/// MR data (ISMRMRD, fastMRI, BART's .cfl with its .hdr as <c>header</c>) or an .npz whose arrays are named like these files. Further content of such a file
/// (covariance, calibration lines, trajectory) is used where the file of that name is not sent.
/// </summary>
internal sealed record JobFiles
{
    /// <summary>
    /// y: an image, or for MRI complex k-space as .npy. Images are on [0,1]: a .npy of other values is solved unchanged, with a warning. A .npy with one
    /// more leading dimension, (frames, channels, height, width) or for k-space (frames, height, width), is a sequence: a stack of frames or slices that are
    /// solved in one job. A DICOM image is brought to [0,1] by a scale and an offset, which the report states; so are raw data of one coil for <c>mri</c>,
    /// whose <c>sigma</c> is in the file's units. The files of one DICOM series, in a ZIP archive or as several parts named <c>measurement</c>, are a stack in
    /// the order of their positions; so are the slices of a NIfTI volume (.nii, .nii.gz) along its third axis. Required here or as a part.
    /// </summary>
    public string? Measurement { get; init; }

    /// <summary>
    /// The measured pixels or k-space positions, where the problem's mask is <c>file</c>: white, values above 0.5, was measured, black is missing. Where a file
    /// has only the value 0 and one value up to 0.5 (0 and 1 of 255), the latter was measured. (height, width), with leading dimensions of size 1 too; of
    /// k-space also (width). The artefact `mask.png` shows the mask that was used. For a sequence a .npy (frames, height, width) has one for each frame;
    /// likewise <c>psf</c> and <c>phase</c>. Of a problem that draws its mask, this file is the same mask, as the archive of a simulation has it.
    /// </summary>
    public string? Mask { get; init; }

    /// <summary>The blur kernel of <c>pointSpread</c>; of <c>motionBlur</c> the same kernel as it draws.</summary>
    public string? Psf { get; init; }

    /// <summary>The phase map of <c>mri</c> in radians, as .npy.</summary>
    public string? Phase { get; init; }

    /// <summary>The .hdr file of a measurement in BART's .cfl.</summary>
    public string? Header { get; init; }

    /// <summary>Coil sensitivities of <c>parallelMri</c>, complex .npy (coils, rows, columns), for a volume also (slices, coils, rows, columns).</summary>
    public string? Maps { get; init; }

    /// <summary>Noise covariance of <c>parallelMri</c>, E[n nᴴ] of complex samples: .npy (coils, coils).</summary>
    public string? Covariance { get; init; }

    /// <summary>Calibration k-space, used only to estimate coil sensitivities: complex .npy like the measurement.</summary>
    public string? Calibration { get; init; }

    /// <summary>
    /// Positions of the measurement's samples, .npy (samples, 2): along rows and columns, in cycles per field of view or in the problem's
    /// <c>trajectoryUnit</c>. For BART's k-space also BART's .cfl (3, samples, spokes), whose sizes are those of the k-space.
    /// </summary>
    public string? Trajectory { get; init; }

    /// <summary>
    /// A DICOM image of the measured patient and study: the job then also writes a derived DICOM series. Its identifiers and position are compared with the
    /// measurement's, and it is refused where they differ. Or a NIfTI volume of as many columns, rows and slices, whose position the result takes; it has no
    /// patient data.
    /// </summary>
    public string? Reference { get; init; }

    /// <summary>The true image, if known; the report then has PSNR, SSIM and NMSE. A stack for a sequence.</summary>
    public string? Truth { get; init; }
}

/// <summary>The place of a job among the waiting jobs of its caller.</summary>
internal enum JobPriority
{
    /// <summary>By its age.</summary>
    Normal = 0,

    /// <summary>Behind jobs that came up to ten minutes later.</summary>
    Low = -1,

    /// <summary>Before jobs that came up to ten minutes earlier.</summary>
    High = 1,
}
