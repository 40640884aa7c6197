using InverseSolver.Torch;

namespace InverseSolver.Diffusion;

/// <summary>What became of a model's calls as CUDA graphs.</summary>
/// <param name="Recorded">Recordings that stand for calls now.</param>
/// <param name="LastFailure">Why a call was last left as it is; null where every recording succeeded.</param>
public sealed record GraphReport(int Recorded, string? LastFailure);

/// <summary>
/// Replays a network's calls as CUDA graphs: what a call launches is recorded once for each shape and stream and then started as a whole, which spares
/// the host's time per kernel. A recording is used only after its first replay agreed with the call as it was; where recording fails, does not agree, or
/// memory is short, the call runs as it always did. For functions of tensors that neither draw random numbers nor look at values on the host.
/// </summary>
internal sealed class CapturedCalls : IDisposable
{
    // Each recording keeps its activations: of a decoder with gradient that is most of what such a call needs.
    private const int MostRecordings = 4;

    // What a replay may differ from the call itself, relative to the largest value; kernels may add up in another order.
    private const double Agreement = 1e-3;

    private readonly Lock gate = new();
    private readonly List<Recording> recordings = [];

    private string? lastFailure;

    internal GraphReport Report
    {
        get
        {
            lock (gate)
            {
                return new GraphReport(recordings.Count(recording => recording.IsReady), lastFailure);
            }
        }
    }

    /// <summary>The function's value, in the caller's scope; recorded from the third call of a shape on.</summary>
    /// <param name="function">The function, always the same.</param>
    /// <param name="inputs">Its arguments.</param>
    internal Tensor Call(Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        if (Find(inputs, null) is not { } recording)
        {
            return function(inputs);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        try
        {
            if (!recording.IsReady)
            {
                Tensor eager = function(inputs);
                Record(recording, function, inputs, eager);
                return eager.MoveToOuterDisposeScope();
            }

            recording.Load(inputs);
            recording.Forward!.Replay();
            return recording.Output!.clone().MoveToOuterDisposeScope();
        }
        finally
        {
            Release(recording);
        }
    }

    /// <summary>The function's value and Jᵀ w by its first input; as <see cref="LatentModel.DecodeVjp"/>.</summary>
    /// <param name="function">The function, the same for the same tag.</param>
    /// <param name="tag">What else the function depends on.</param>
    /// <param name="input">The input.</param>
    /// <param name="cotangent">Makes w from the value, one scope inside the caller's.</param>
    /// <param name="eager">The same without a recording.</param>
    internal (Tensor Value, Tensor Gradient) Vjp(
        Func<Tensor, Tensor> function, object tag, Tensor input, Func<Tensor, Tensor> cotangent, Func<Func<Tensor, Tensor>, (Tensor Value, Tensor Gradient)> eager)
    {
        if (Find([input], tag) is not { } recording)
        {
            return eager(cotangent);
        }

        try
        {
            if (!recording.IsReady)
            {
                Tensor? w = null;
                (Tensor value, Tensor gradient) = eager(image =>
                {
                    Tensor made = cotangent(image);
                    w = made.clone().DetachFromDisposeScope();
                    return made;
                });
                using Tensor kept = w!;
                RecordVjp(recording, function, input, kept, gradient);
                return (value, gradient);
            }

            using DisposeScope scope = torch.NewDisposeScope();
            using GradMode off = torch.no_grad();
            recording.Load([input]);
            recording.Forward!.Replay();
            Tensor image = recording.Output!.detach().clone();
            recording.Cotangent!.copy_(cotangent(image));
            recording.Backward!.Replay();
            return (image.MoveToOuterDisposeScope(), recording.Gradient!.clone().MoveToOuterDisposeScope());
        }
        finally
        {
            Release(recording);
        }
    }

    /// <summary>Lets go of all recordings and their memory.</summary>
    internal void Clear()
    {
        lock (gate)
        {
            foreach (Recording recording in recordings.Where(recording => !recording.InUse))
            {
                recording.Dispose();
            }

            recordings.RemoveAll(recording => !recording.InUse);
        }
    }

    public void Dispose() => Clear();

    // A recording of this shape that nobody uses, taken; null where the call is to run as it is: on the host, on a default stream, while a gradient is
    // recorded, the first two times, and while the same recording is in use (a call inside another's cotangent).
    private Recording? Find(Tensor[] inputs, object? tag)
    {
        if (CudaStream.Current is not { } stream || inputs[0].device.Type != DeviceType.CUDA || torch.is_grad_enabled() && inputs.Any(input => input.requires_grad))
        {
            return null;
        }

        lock (gate)
        {
            Recording? found = recordings.Find(recording => recording.Fits(stream, inputs, tag));
            if (found is null)
            {
                if (recordings.Count >= MostRecordings
                    && (recordings.Find(recording => !recording.InUse && !recording.IsReady) ?? recordings.Find(recording => !recording.InUse)) is { } oldest)
                {
                    recordings.Remove(oldest);
                    oldest.Dispose();
                }

                recordings.Add(new Recording(stream, inputs, tag) { Calls = 1 });
                return null;
            }

            recordings.Remove(found);
            recordings.Add(found);
            if (found.InUse || found.Failed || ++found.Calls < 3)
            {
                return null;
            }

            found.InUse = true;
            return found;
        }
    }

    private void Release(Recording recording)
    {
        lock (gate)
        {
            recording.InUse = false;
        }
    }

    private void Record(Recording recording, Func<Tensor[], Tensor> function, Tensor[] inputs, Tensor eager) => Try(recording, () =>
    {
        recording.Inputs = [.. inputs.Select(input => input.clone().DetachFromDisposeScope())];
        recording.Forward = new CudaGraph();
        recording.Forward.Begin();
        try
        {
            recording.Output = function(recording.Inputs).DetachFromDisposeScope();
        }
        finally
        {
            recording.Forward.End();
        }

        recording.Forward.Replay();
        return Differs(recording.Output, eager);
    });

    private void RecordVjp(Recording recording, Func<Tensor, Tensor> function, Tensor input, Tensor w, Tensor eager) => Try(recording, () =>
    {
        using GradMode off = torch.no_grad();
        Tensor leaf = input.detach().clone().requires_grad_().DetachFromDisposeScope();
        recording.Inputs = [leaf];
        recording.Cotangent = w.clone().DetachFromDisposeScope();
        recording.Forward = new CudaGraph();
        recording.Forward.Begin();
        try
        {
            using GradMode on = torch.enable_grad();
            recording.Output = function(leaf).DetachFromDisposeScope();
        }
        finally
        {
            recording.Forward.End();
        }

        recording.Backward = new CudaGraph();
        recording.Backward.Begin(recording.Forward);
        try
        {
            recording.Gradient = torch.autograd.grad([recording.Output], [leaf], [recording.Cotangent], retain_graph: true)[0].DetachFromDisposeScope();
        }
        finally
        {
            recording.Backward.End();
        }

        recording.Forward.Replay();
        recording.Backward.Replay();
        return Differs(recording.Gradient, eager);
    });

    // Records and compares; whatever goes wrong, the recording is not used and the call's own result stands.
    private void Try(Recording recording, Func<double> record)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        try
        {
            double difference = record();
            recording.IsReady = difference <= Agreement;
            lastFailure = recording.IsReady ? lastFailure : FormattableString.Invariant($"the replay differs from the call by {difference:E1}");
        }
        catch (NativeException error)
        {
            lastFailure = error.Message;
        }

        if (!recording.IsReady)
        {
            recording.Failed = true;
            recording.Dispose();
        }
    }

    private static double Differs(Tensor replayed, Tensor eager)
    {
        double size = eager.detach().abs().max().ToDouble(), difference = (replayed.detach() - eager.detach()).abs().max().ToDouble();
        return double.IsNaN(difference) ? double.PositiveInfinity : size == 0 ? difference : difference / size;
    }

    private sealed class Recording(CudaStream stream, Tensor[] like, object? tag) : IDisposable
    {
        private readonly (string Shape, ScalarType Type)[] inputs = [.. like.Select(Kind)];

        internal int Calls { get; set; }

        internal bool InUse { get; set; }

        internal bool IsReady { get; set; }

        internal bool Failed { get; set; }

        internal CudaGraph? Forward { get; set; }

        internal CudaGraph? Backward { get; set; }

        internal Tensor[] Inputs { get; set; } = [];

        internal Tensor? Output { get; set; }

        internal Tensor? Cotangent { get; set; }

        internal Tensor? Gradient { get; set; }

        internal bool Fits(CudaStream on, Tensor[] given, object? what) =>
            ReferenceEquals(stream, on) && Equals(tag, what) && inputs.AsSpan().SequenceEqual(given.Select(Kind).ToArray());

        internal void Load(Tensor[] given)
        {
            using GradMode off = torch.no_grad();
            foreach ((Tensor mine, Tensor theirs) in Inputs.Zip(given))
            {
                using Tensor values = mine.detach();
                values.copy_(theirs);
            }
        }

        public void Dispose()
        {
            Gradient?.Dispose();
            Cotangent?.Dispose();
            Output?.Dispose();
            foreach (Tensor input in Inputs)
            {
                input.Dispose();
            }

            Backward?.Dispose();
            Forward?.Dispose();
            (Gradient, Cotangent, Output, Inputs, Backward, Forward, IsReady) = (null, null, null, [], null, null, false);
        }

        private static (string Shape, ScalarType Type) Kind(Tensor tensor) => (string.Join('x', tensor.shape), tensor.dtype);
    }
}
