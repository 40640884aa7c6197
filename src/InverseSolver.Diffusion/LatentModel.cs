using InverseSolver.Torch;
namespace InverseSolver.Diffusion;
public sealed record ModelInfo(string Id, double? RoundTripRmse);
/// <summary>A pretrained latent diffusion model in one convention.</summary>
public abstract class LatentModel
{
 public abstract ModelInfo Info {get;} public abstract int Channels {get;} public abstract Device Device {get;} public abstract double[] Abar {get;}
 public abstract long[] LatentShape(int h,int w); public abstract Tensor Encode(Tensor x); public abstract Tensor Decode(Tensor z,int h,int w);
 public abstract (Tensor,Tensor) DecodeVjp(Tensor z,int h,int w,Func<Tensor,Tensor> c); public abstract Tensor PredictNoise(Tensor z, Tensor t, Tensor? c=null);
}
