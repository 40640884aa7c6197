using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>An inverse problem y = A(x) + n, as a caller writes it: the parameters of the forward model A.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Inpainting), "inpainting")]
[JsonDerivedType(typeof(SuperResolution), "superResolution")]
[JsonDerivedType(typeof(GaussianBlur), "gaussianBlur")]
[JsonDerivedType(typeof(MotionBlur), "motionBlur")]
[JsonDerivedType(typeof(PointSpread), "pointSpread")]
[JsonDerivedType(typeof(CartesianMri), "mri")]
[JsonDerivedType(typeof(ParallelMri), "parallelMri")]
[JsonDerivedType(typeof(Denoising), "denoising")]
[JsonDerivedType(typeof(ComputedTomography), "ct")]
[JsonDerivedType(typeof(Composition), "composition")]
[JsonDerivedType(typeof(Colourisation), "colourisation")]
[JsonDerivedType(typeof(CompressedSensing), "compressedSensing")]
[JsonDerivedType(typeof(HighDynamicRange), "hdr")]
[JsonDerivedType(typeof(Clipping), "clipping")]
[JsonDerivedType(typeof(Quantisation), "quantisation")]
[JsonDerivedType(typeof(Jpeg), "jpeg")]
[JsonDerivedType(typeof(PhaseRetrieval), "phaseRetrieval")]
[JsonDerivedType(typeof(CodedDiffraction), "codedDiffraction")]
[JsonDerivedType(typeof(TorchScript), "torchScript")]
public abstract record Problem
{
    /// <summary>Whether A is linear.</summary>
    internal virtual bool IsLinear => true;

    /// <summary>Why this measurement is not counted photons; null where it can be.</summary>
    internal virtual string? PhotonRefusal => null;

    /// <summary>Whether an image turned by 180 degrees gives the same measurement, so that samples must not be averaged.</summary>
    internal virtual bool HasTwin => false;

    /// <summary>Whether A itself depends on y (which pixels are clipped, a phase estimated from it), so that frames of a sequence do not share it.</summary>
    internal virtual bool DependsOnMeasurement => false;
}
